using System.Text.Json;
using System.Text.Json.Serialization;

namespace RecService.Api.Domain;

internal enum AttributeValueKind
{
    /// <summary>As if the key were not there.</summary>
    Absent,

    Text,
    Number,
    Flag,
    Texts,
}

/// <summary>The value of an attribute or of a context key: a string, a number, a boolean or an array of strings; <c>default</c> for a null.</summary>
[JsonConverter(typeof(AttributeValueConverter))]
internal readonly record struct AttributeValue
{
    private readonly object? _text;
    private readonly double _number;

    private AttributeValue(AttributeValueKind kind, object? text, double number)
    {
        Kind = kind;
        _text = text;
        _number = number;
    }

    public AttributeValueKind Kind { get; }

    public string Text => (string)_text!;

    public double Number => _number;

    public bool Flag => _number != 0;

    public IReadOnlyList<string> Texts => (string[])_text!;

    public static AttributeValue Of(string text) => new(AttributeValueKind.Text, text, 0);

    public static AttributeValue Of(double number) => new(AttributeValueKind.Number, text: null, number);

    public static AttributeValue Of(bool flag) => new(AttributeValueKind.Flag, text: null, flag ? 1 : 0);

    public static AttributeValue Of(string[] texts) => new(AttributeValueKind.Texts, texts, 0);
}

internal sealed class AttributeValueConverter : JsonConverter<AttributeValue>
{
    public const string Allowed = "must be a string, a number, true, false or an array of strings";

    public override bool HandleNull => true;

    public override AttributeValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return AttributeValue.Of(ReadText(ref reader));
            case JsonTokenType.Number:
                return reader.TryGetDouble(out var number) && double.IsFinite(number)
                    ? AttributeValue.Of(number)
                    : throw new JsonValueException("is too large a number");
            case JsonTokenType.True:
                return AttributeValue.Of(flag: true);
            case JsonTokenType.False:
                return AttributeValue.Of(flag: false);
            case JsonTokenType.Null:
                return default;
            case JsonTokenType.StartArray:
                return AttributeValue.Of(ReadTexts(ref reader));
            default:
                throw new JsonValueException(Allowed);
        }
    }

    public override void Write(Utf8JsonWriter writer, AttributeValue value, JsonSerializerOptions options)
    {
        switch (value.Kind)
        {
            case AttributeValueKind.Text:
                writer.WriteStringValue(value.Text);
                break;
            case AttributeValueKind.Number:
                writer.WriteNumberValue(value.Number);
                break;
            case AttributeValueKind.Flag:
                writer.WriteBooleanValue(value.Flag);
                break;
            case AttributeValueKind.Absent:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStartArray();
                foreach (var text in value.Texts)
                {
                    writer.WriteStringValue(text);
                }

                writer.WriteEndArray();
                break;
        }
    }

    private static string[] ReadTexts(ref Utf8JsonReader reader)
    {
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                throw new JsonValueException(Allowed);
            }

            if (texts.Count == Features.MaxCount)
            {
                throw new JsonValueException($"has more than {Features.MaxCount} strings");
            }

            texts.Add(ReadText(ref reader));
        }

        return [.. texts.Distinct(StringComparer.Ordinal)];
    }

    private static string ReadText(ref Utf8JsonReader reader)
    {
        var text = reader.GetString()!;
        return ExternalId.TextProblem(text, Features.MaxTextLength) is { } problem ? throw new JsonValueException(problem) : text;
    }
}
