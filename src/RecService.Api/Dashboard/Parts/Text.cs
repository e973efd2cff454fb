using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Dashboard.Parts;

/// <summary>Numbers, times and values as people read them.</summary>
internal static class Text
{
    private const int MostShown = 6;

    private static readonly string[] Titles = ["title", "name"];
    private static readonly string[] Pictures = ["picture", "image", "thumbnail"];

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Count(int number) => Count((long)number);

    /// <summary>To about four digits.</summary>
    public static string Number(double? number) =>
        number switch
        {
            null => "–",
            0 => "0",
            { } value when Math.Abs(value) >= 1000 => value.ToString("N0", CultureInfo.InvariantCulture),
            { } value when Math.Abs(value) >= 0.001 => value.ToString("0.####", CultureInfo.InvariantCulture),
            { } value => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        };

    public static string Signed(double number) => (number >= 0 ? "+" : "−") + Math.Abs(number).ToString("0.000", CultureInfo.InvariantCulture);

    public static string Bytes(long bytes) =>
        bytes switch
        {
            < 1024 => $"{bytes} B",
            < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
            < 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.#} MiB"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):0.##} GiB"),
        };

    public static string Duration(TimeSpan time) =>
        time.TotalSeconds < 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms")
        : time.TotalSeconds < 60 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s")
        : time.TotalMinutes < 60 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds} s")
        : time.TotalHours < 48 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes} min")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:0} days");

    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    public static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A word such as <c>fieldPooled</c> as one of several words.</summary>
    public static string Words(string name) =>
        string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : i == 0 ? $"{char.ToUpperInvariant(c)}" : $"{c}"));

    /// <summary>An id with what has no look of its own, such as marks that turn the direction of text, spelt out: one id must not look like another.</summary>
    public static string Id(string id) =>
        string.Concat(
            id.EnumerateRunes()
                .Select(rune =>
                    Rune.GetUnicodeCategory(rune)
                        is UnicodeCategory.Format
                            or UnicodeCategory.LineSeparator
                            or UnicodeCategory.ParagraphSeparator
                            or UnicodeCategory.PrivateUse
                            or UnicodeCategory.OtherNotAssigned
                        ? string.Create(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:X4}}}")
                        : rune.ToString()
                )
        );

    public static string Value(AttributeValue value) =>
        value.Kind switch
        {
            AttributeValueKind.Text => value.Text,
            AttributeValueKind.Number => value.Number.ToString(CultureInfo.InvariantCulture),
            AttributeValueKind.Flag => value.Flag ? "true" : "false",
            AttributeValueKind.Texts => string.Join(", ", value.Texts),
            _ => "",
        };

    public static string Values(IReadOnlyDictionary<string, AttributeValue> values) =>
        string.Join(" · ", values.Take(MostShown).Select(pair => $"{pair.Key}: {Value(pair.Value)}"))
        + (values.Count > MostShown ? $" · {values.Count - MostShown} more" : "");

    public static string Json(JsonNode? node) =>
        node switch
        {
            null => "not set",
            JsonValue value when value.TryGetValue<string>(out var text) => text,
            _ => node.ToJsonString(),
        };

    /// <summary>What an item is called in its metadata; null where these have no title.</summary>
    public static string? TitleOf(RawJsonObject? metadata) => Find(metadata, Titles);

    /// <summary>
    /// The picture of an item, if it is in the metadata or lies at the service's own origin: pages ask nobody else, who would learn what is looked at.
    /// </summary>
    public static string? PictureOf(RawJsonObject? metadata) =>
        Find(metadata, Pictures) is { } picture
        && (picture.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase) || (picture is ['/', not ('/' or '\\'), ..]))
            ? picture
            : null;

    private static string? Find(RawJsonObject? metadata, string[] names)
    {
        if (metadata is null)
        {
            return null;
        }

        using var document = JsonDocument.Parse(metadata.Value.Text, ApiJson.DocumentOptions);
        foreach (var name in names)
        {
            if (document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String)
            {
                return value.GetString();
            }
        }

        return null;
    }
}
