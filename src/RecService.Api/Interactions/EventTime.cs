using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Json;

namespace RecService.Api.Interactions;

/// <summary>When an interaction happened, in the forms that files have it: RFC 3339, a bare date, or a number of seconds or milliseconds since 1970.</summary>
internal static class EventTime
{
    public const string Expected =
        "must be a date and time with an offset (RFC 3339), such as 2025-01-31T18:30:00Z, a date, such as 2025-01-31, or seconds or milliseconds since 1970";

    /// <summary>
    /// The rule for numbers. Seconds below this bound reach to the year 5138; milliseconds from it on begin in 1973, and what is sent today is of 13 digits.
    /// </summary>
    private const decimal FirstMilliseconds = 100_000_000_000;

    /// <summary>What is larger counts microseconds or nanoseconds.</summary>
    private const decimal AboveMilliseconds = 100_000_000_000_000;

    private const string DateForm = "yyyy-MM-dd";

    private const string CompactDateForm = "yyyyMMdd";

    private static readonly long LeastTicks = -DateTimeOffset.UnixEpoch.Ticks;

    public static bool TryParse(string text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length != DateForm.Length || !DateOnly.TryParseExact(text, DateForm, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return Rfc3339Converter.TryParse(text, out time);
        }

        time = new(date, TimeOnly.MinValue, TimeSpan.Zero);
        return true;
    }

    /// <summary>The time that a number stands for; null with the reason why it is none.</summary>
    public static (DateTimeOffset? Time, string? Problem) Of(decimal number)
    {
        var size = Math.Abs(number);
        if (size >= AboveMilliseconds)
        {
            return (null, "is too large: numbers below 1e11 are seconds since 1970, and those below 1e14 milliseconds");
        }

        if (IsCompactDate(number, out var date))
        {
            return (null, $"may be a date, or seconds of the year 1970: write {date.ToString(DateForm, CultureInfo.InvariantCulture)} for the date");
        }

        // Out of the calendar is out of the range that validation names.
        var ticks = number * (size < FirstMilliseconds ? TimeSpan.TicksPerSecond : TimeSpan.TicksPerMillisecond);
        return (ticks < LeastTicks ? DateTimeOffset.MinValue : DateTimeOffset.UnixEpoch.AddTicks((long)ticks), null);
    }

    /// <summary>Takes a cell into an interaction, as <see cref="ReadCell{T}"/>.</summary>
    public static InteractionInput Read(FieldErrors errors, string column, InteractionInput interaction, Cell cell)
    {
        var (time, problem) = Of(cell);
        errors.Check(column, problem);
        return interaction with { OccurredAt = time };
    }

    private static (DateTimeOffset? Time, string? Problem) Of(Cell cell) =>
        cell.Value switch
        {
            DateTimeOffset time => (time, null),
            decimal number => Of(number),
            double number when Math.Abs(number) < (double)AboveMilliseconds => Of((decimal)number),
            string text when TryParse(text, out var time) => (time, null),
            string text when decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => Of(number),
            _ => (null, Expected),
        };

    // 20260131 would be a day of August 1970: nobody means that.
    private static bool IsCompactDate(decimal number, out DateOnly date)
    {
        date = default;
        return number is >= 1970_01_01 and <= 2999_12_31
            && DateOnly.TryParseExact(
                number.ToString(CultureInfo.InvariantCulture),
                CompactDateForm,
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out date
            );
    }
}

internal sealed class EventTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String && EventTime.TryParse(reader.GetString()!, out var time))
        {
            return time;
        }

        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDecimal(out var number))
        {
            throw new JsonValueException(EventTime.Expected);
        }

        var (read, problem) = EventTime.Of(number);
        return read ?? throw new JsonValueException(problem!);
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime);
}
