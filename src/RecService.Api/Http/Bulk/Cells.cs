using System.Text;
using System.Text.Json;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Http.Bulk;

/// <summary>How cells become values of a row.</summary>
internal static class Cells<T>
{
    private const string NotAText = "must be a text";

    public static ReadCell<T> Text(Func<T, string, T> set) =>
        (errors, column, row, cell) => cell.Text is { } text ? set(row, text) : Wrong(errors, column, NotAText, row);

    public static ReadCell<T> Number(Func<T, double, T> set) =>
        (errors, column, row, cell) => cell.Number is { } number ? set(row, number) : Wrong(errors, column, NamedValues.NotANumber, row);

    public static ReadCell<T> Flag(Func<T, bool, T> set) =>
        (errors, column, row, cell) => cell.Flag is { } flag ? set(row, flag) : Wrong(errors, column, "must be true or false", row);

    public static ReadCell<T> Texts(Func<T, string[], T> set) =>
        (errors, column, row, cell) => cell.Texts is { } texts ? set(row, texts) : Wrong(errors, column, "must be texts", row);

    /// <summary>An object that is written as JSON.</summary>
    public static ReadCell<T> Json<TValue>(Func<T, TValue, T> set) =>
        (errors, column, row, cell) =>
        {
            try
            {
                return cell.Value is string text && JsonSerializer.Deserialize<TValue>(text, ApiJson.Options) is { } value
                    ? set(row, value)
                    : Wrong(errors, column, "must be an object, as JSON", row);
            }
            catch (JsonException exception)
            {
                var (field, reason) = JsonError.Describe(exception);
                return Wrong(errors, field is "$" ? column : $"{column}.{field}", reason, row);
            }
        };

    /// <summary>A value among others, such as those of a context.</summary>
    /// <param name="get">The values of the row so far.</param>
    /// <param name="set">Puts them in their place.</param>
    public static ReadKey<T> Feature(
        Func<T, IReadOnlyDictionary<string, AttributeValue>?> get,
        Func<T, IReadOnlyDictionary<string, AttributeValue>, T> set
    ) =>
        (key, type) =>
            (errors, column, row, cell) =>
            {
                var (value, problem) = NamedValues.Of(cell, type);
                if (problem is not null)
                {
                    return Wrong(errors, column, problem, row);
                }

                var values = (Dictionary<string, AttributeValue>?)get(row) ?? new(StringComparer.Ordinal);
                values[key] = value;
                return set(row, values);
            };

    /// <summary>A property among others of an object that is kept as JSON.</summary>
    /// <param name="get">The object so far.</param>
    /// <param name="set">Puts it in its place.</param>
    public static ReadKey<T> Property(Func<T, RawJsonObject?> get, Func<T, RawJsonObject, T> set) =>
        (key, type) =>
        {
            var name = JsonSerializer.Serialize(key, ApiJson.Options);
            return (errors, column, row, cell) =>
            {
                var value = type switch
                {
                    NamedType.Number => cell.Number,
                    NamedType.Text => cell.Text,
                    _ => cell.Value,
                };
                if (value is null or double.NaN or double.PositiveInfinity or double.NegativeInfinity)
                {
                    return Wrong(errors, column, type == NamedType.Text ? NotAText : NamedValues.NotANumber, row);
                }

                var json = JsonSerializer.Serialize(value, ApiJson.Options);
                var text = get(row) is { } former ? $"{former.Text[..^1]},{name}:{json}}}" : $"{{{name}:{json}}}";
                return Encoding.UTF8.GetByteCount(text) <= RawJsonObject.MaxBytes
                    ? set(row, new(text))
                    : Wrong(errors, column, RawJsonObject.TooLong, row);
            };
        };

    private static T Wrong(FieldErrors errors, string column, string reason, T row)
    {
        errors.Add(column, reason);
        return row;
    }
}
