using System.Globalization;
using RecService.Api.Domain;

namespace RecService.Api.Interactions;

/// <summary>How cells of CSV, none of them empty, become values of an interaction.</summary>
internal static class CsvCells
{
    private const char DeclaresType = ':';

    /// <summary>What a column declares that holds numbers, and not texts.</summary>
    private const string NumberType = "number";

    public static ReadCell Text(Func<InteractionInput, string, InteractionInput> set) => (_, _, input, cell) => set(input, cell);

    public static ReadCell Number(Func<InteractionInput, double, InteractionInput> set) =>
        (errors, header, input, cell) =>
            double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? set(input, number)
                : Wrong(errors, header, "must be a number", input);

    public static ReadCell Time(Func<InteractionInput, DateTimeOffset, InteractionInput> set) =>
        (errors, header, input, cell) =>
        {
            if (EventTime.TryParse(cell, out var time))
            {
                return set(input, time);
            }

            if (!decimal.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            {
                return Wrong(errors, header, EventTime.Expected, input);
            }

            var (read, problem) = EventTime.Of(number);
            return read is { } known ? set(input, known) : Wrong(errors, header, problem!, input);
        };

    public static ReadCell Texts(Func<InteractionInput, string[], InteractionInput> set) => (_, _, input, cell) => set(input, cell.Split('|'));

    /// <summary>A column whose header has a declaration of its type behind the name, which is not part of the name; as it is without one.</summary>
    public static (string Name, string? Type) Declared(string header) =>
        header.LastIndexOf(DeclaresType) is >= 0 and var colon ? (header[..colon], header[(colon + 1)..]) : (header, null);

    /// <summary>Why a column of named values cannot have the type that it declares; null when it can.</summary>
    public static string? TypeProblem(string? type) =>
        type is null or "text" or NumberType ? null : "declares a type that is not one of text, number";

    /// <summary>A value among others, by the name behind the first dot of its header: a text, or of the type that the header declares.</summary>
    public static ReadCell Feature(
        Func<InteractionInput, IReadOnlyDictionary<string, AttributeValue>?> get,
        Func<InteractionInput, Dictionary<string, AttributeValue>, InteractionInput> set
    ) =>
        (errors, header, input, cell) =>
        {
            var (column, type) = Declared(header);
            AttributeValue value;
            if (type == NumberType)
            {
                if (!double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
                {
                    return Wrong(errors, header, "must be a number", input);
                }

                value = AttributeValue.Of(number);
            }
            else if (ExternalId.TextProblem(cell, Features.MaxTextLength) is { } problem)
            {
                return Wrong(errors, header, problem, input);
            }
            else
            {
                value = AttributeValue.Of(cell);
            }

            // Those of this row so far.
            var values = (Dictionary<string, AttributeValue>?)get(input) ?? new(StringComparer.Ordinal);
            values[column[(column.IndexOf('.', StringComparison.Ordinal) + 1)..]] = value;
            return set(input, values);
        };

    private static InteractionInput Wrong(FieldErrors errors, string header, string reason, InteractionInput input)
    {
        errors.Add(header, reason);
        return input;
    }
}
