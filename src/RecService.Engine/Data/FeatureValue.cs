using System.Text.Json;

namespace RecService.Engine.Data;

/// <summary>The value of an attribute or of a context key: a text, a number, a boolean or several texts.</summary>
/// <remarks>
/// Texts and booleans become categories with value 1, several texts become categories with value 1/√n each, a number becomes one numeric feature.
/// </remarks>
public readonly struct FeatureValue
{
    private readonly string[]? _texts;

    private FeatureValue(string[]? texts, double number)
    {
        _texts = texts;
        Number = number;
    }

    /// <summary>The number, or 0 when the value holds texts.</summary>
    public double Number { get; }

    /// <summary>Whether the value is a number.</summary>
    public bool IsNumber => _texts is null;

    /// <summary>The texts: one for a text or a boolean, any number of distinct ones for a list, none for a number.</summary>
    public ReadOnlySpan<string> Texts => _texts;

    /// <summary>A text.</summary>
    public static FeatureValue Of(string text) => new([text], 0);

    /// <summary>A boolean, kept as the category <c>true</c> or <c>false</c>.</summary>
    public static FeatureValue Of(bool value) => Of(value ? "true" : "false");

    /// <summary>Several texts; repeated ones count once.</summary>
    public static FeatureValue Of(IEnumerable<string> texts) => new([.. texts.Distinct(StringComparer.Ordinal)], 0);

    /// <summary>A number.</summary>
    /// <exception cref="ArgumentException">The number is not finite.</exception>
    public static FeatureValue Of(double number) =>
        double.IsFinite(number) ? new(null, number) : throw new ArgumentException("A numeric feature must be finite.", nameof(number));

    /// <summary>Reads a JSON string, number, boolean or array of strings.</summary>
    /// <exception cref="FormatException">The JSON is of another kind.</exception>
    public static FeatureValue FromJson(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.String => Of(json.GetString()!),
            JsonValueKind.Number => Of(json.GetDouble()),
            JsonValueKind.True => Of(true),
            JsonValueKind.False => Of(false),
            JsonValueKind.Array => Of(json.EnumerateArray().Select(Text)),
            _ => throw new FormatException($"A feature value must be a string, a number, a boolean or an array of strings, not {json.ValueKind}."),
        };

    private static string Text(JsonElement json) =>
        json.ValueKind == JsonValueKind.String ? json.GetString()! : throw new FormatException("An array of feature values holds strings only.");
}
