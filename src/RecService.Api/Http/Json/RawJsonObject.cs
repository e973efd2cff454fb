using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using RecService.Api.Domain;

namespace RecService.Api.Http.Json;

/// <summary>A JSON object that is kept and given back letter by letter.</summary>
[JsonConverter(typeof(RawJsonObjectConverter))]
internal readonly record struct RawJsonObject(string Text)
{
    public const int MaxBytes = 16 * 1024;

    public static readonly string TooLong = $"is longer than {MaxBytes / 1024} KiB";
}

internal sealed class RawJsonObjectConverter : JsonConverter<RawJsonObject>
{
    public override RawJsonObject Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonValueException("must be an object");
        }

        using var document = JsonDocument.ParseValue(ref reader);
        Check(document.RootElement);
        var text = document.RootElement.GetRawText();
        return Encoding.UTF8.GetByteCount(text) > RawJsonObject.MaxBytes
            ? throw new JsonValueException(RawJsonObject.TooLong)
            : new(text);
    }

    public override void Write(Utf8JsonWriter writer, RawJsonObject value, JsonSerializerOptions options) => writer.WriteRawValue(value.Text);

    // The parser looks at the structure only: that strings can be read, and names are there once, is seen when they are read.
    private static void Check(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var names = new HashSet<string>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    if (!names.Add(property.Name))
                    {
                        throw new JsonValueException($"has the name '{property.Name}' twice in one object");
                    }

                    Check(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    Check(item);
                }

                break;
            case JsonValueKind.String:
                _ = element.GetString();
                break;
        }
    }
}
