using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RecService.Api.Domain;

/// <summary>The rules for tags, and for the named values of attributes and of a context.</summary>
internal static class Features
{
    public const int MaxCount = 100;

    public const int MaxTextLength = 256;

    public const int MaxNameLength = 64;

    public const string EmptyJson = "{}";

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
    );

    // As they are, without escapes that only HTML needs.
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly IReadOnlyDictionary<string, AttributeValue> None = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);

    /// <summary>The tags without repetitions; errors name <paramref name="field"/> or its element.</summary>
    public static string[] Tags(FieldErrors errors, string field, IReadOnlyList<string?>? tags)
    {
        if (tags is null or { Count: 0 })
        {
            return [];
        }

        if (tags.Count > MaxCount)
        {
            errors.Add(field, string.Create(CultureInfo.InvariantCulture, $"has more than {MaxCount} elements"));
            return [];
        }

        for (var i = 0; i < tags.Count; i++)
        {
            if (ExternalId.Problem(tags[i]) is { } problem)
            {
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"), problem);
            }
        }

        return [.. tags.OfType<string>().Distinct(StringComparer.Ordinal)];
    }

    /// <summary>
    /// The named values without those that are null, with the rules for their names and number checked; those for the values are in
    /// <see cref="AttributeValueConverter"/>.
    /// </summary>
    public static IReadOnlyDictionary<string, AttributeValue> Values(
        FieldErrors errors,
        string field,
        IReadOnlyDictionary<string, AttributeValue>? values
    )
    {
        values = Present(values);
        if (values.Count == 0)
        {
            return None;
        }

        if (values.Count > MaxCount)
        {
            errors.Add(field, string.Create(CultureInfo.InvariantCulture, $"has more than {MaxCount} names"));
            return None;
        }

        foreach (var name in values.Keys)
        {
            if (NameProblem(name) is { } problem)
            {
                errors.Add(field, $"has a name that {problem}");
            }
        }

        return values;
    }

    /// <summary>As <see cref="Values"/>; the key <c>tags</c> is taken by the field of the tags beside the context.</summary>
    public static IReadOnlyDictionary<string, AttributeValue> ContextValues(
        FieldErrors errors,
        string field,
        IReadOnlyDictionary<string, AttributeValue>? values
    )
    {
        values = Present(values);
        if (values.ContainsKey("tags"))
        {
            errors.Add($"{field}.tags", "is reserved: give tags in the field 'tags' beside the context");
        }

        return Values(errors, field, values);
    }

    /// <summary>Why the text is no name of a feature (or type of an interaction); null when it is one.</summary>
    public static string? NameProblem(string? name) =>
        name is null or { Length: 0 or > MaxNameLength } || name.AsSpan().ContainsAnyExcept(NameCharacters)
            ? string.Create(CultureInfo.InvariantCulture, $"is not made of 1 to {MaxNameLength} of the characters A-Z a-z 0-9 _ . -")
            : null;

    /// <summary>The values as they are stored.</summary>
    public static string ToJson(IReadOnlyDictionary<string, AttributeValue> values) =>
        values.Count == 0 ? EmptyJson : JsonSerializer.Serialize(values, Json);

    /// <summary>The values as they were stored.</summary>
    public static IReadOnlyDictionary<string, AttributeValue> FromJson(string json) =>
        json is EmptyJson ? None : JsonSerializer.Deserialize<Dictionary<string, AttributeValue>>(json, Json)!;

    private static IReadOnlyDictionary<string, AttributeValue> Present(IReadOnlyDictionary<string, AttributeValue>? values) =>
        values is null ? None
        : values.Values.Any(value => value.Kind == AttributeValueKind.Absent)
            ? values.Where(value => value.Value.Kind != AttributeValueKind.Absent).ToDictionary(StringComparer.Ordinal)
        : values;
}
