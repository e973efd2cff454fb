using System.Text.Json;

namespace RecService.Engine.Data;

/// <summary>What is known of a user, an item or the circumstances of an interaction, before it is turned into columns.</summary>
/// <param name="Id">The caller's id; null for a context and for a user or item that nobody named.</param>
/// <param name="Tags">The tags; repeated ones count once.</param>
/// <param name="Values">Attributes (of a user or an item) or context keys, in ordinal order of their keys.</param>
public sealed record EntityFeatures(string? Id, IReadOnlyList<string> Tags, IReadOnlyList<KeyValuePair<string, FeatureValue>> Values)
{
    /// <summary>Nothing is known.</summary>
    public static EntityFeatures None { get; } = new(null, [], []);

    /// <summary>Features of which only the id is known.</summary>
    public static EntityFeatures Named(string? id) => id is null ? None : new(id, [], []);

    /// <summary>Features from an id, tags and an object of values in JSON.</summary>
    /// <param name="id">The id, or null.</param>
    /// <param name="tags">The tags.</param>
    /// <param name="valuesJson">A JSON object: each property a string, number, boolean or array of strings.</param>
    /// <exception cref="FormatException">A property is of another kind.</exception>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public static EntityFeatures FromJson(string? id, IEnumerable<string> tags, string valuesJson)
    {
        if (valuesJson is "" or "{}")
        {
            return new(id, Distinct(tags), []);
        }

        using var document = JsonDocument.Parse(valuesJson);
        return Create(id, tags, document.RootElement.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, FeatureValue.FromJson(p.Value))));
    }

    /// <summary>Features from an id, tags and values, put into a canonical order.</summary>
    public static EntityFeatures Create(string? id, IEnumerable<string> tags, IEnumerable<KeyValuePair<string, FeatureValue>> values) =>
        new(id, Distinct(tags), [.. values.OrderBy(v => v.Key, StringComparer.Ordinal)]);

    private static string[] Distinct(IEnumerable<string> tags) => [.. tags.Distinct(StringComparer.Ordinal)];
}
