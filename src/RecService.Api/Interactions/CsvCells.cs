using System.Globalization;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Interactions;

/// <summary>How cells of CSV, none of them empty, become values of an interaction.</summary>
internal static class CsvCells
{
    public static ReadCell Text(Func<InteractionInput, string, InteractionInput> set) => (_, _, input, cell) => set(input, cell);

    public static ReadCell Number(Func<InteractionInput, double, InteractionInput> set) =>
        (errors, header, input, cell) =>
            double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? set(input, number)
                : Wrong(errors, header, "must be a number", input);

    public static ReadCell Time(Func<InteractionInput, DateTimeOffset, InteractionInput> set) =>
        (errors, header, input, cell) =>
            Rfc3339Converter.TryParse(cell, out var time) ? set(input, time) : Wrong(errors, header, Rfc3339Converter.Expected, input);

    public static ReadCell Texts(Func<InteractionInput, string[], InteractionInput> set) => (_, _, input, cell) => set(input, cell.Split('|'));

    /// <summary>A value among others, by the name behind the first dot of its header.</summary>
    public static ReadCell Feature(
        Func<InteractionInput, IReadOnlyDictionary<string, AttributeValue>?> get,
        Func<InteractionInput, Dictionary<string, AttributeValue>, InteractionInput> set
    ) =>
        (errors, header, input, cell) =>
        {
            if (ExternalId.TextProblem(cell, Features.MaxTextLength) is { } problem)
            {
                return Wrong(errors, header, problem, input);
            }

            // Those of this row so far.
            var values = (Dictionary<string, AttributeValue>?)get(input) ?? new(StringComparer.Ordinal);
            values[header[(header.IndexOf('.', StringComparison.Ordinal) + 1)..]] = AttributeValue.Of(cell);
            return set(input, values);
        };

    private static InteractionInput Wrong(FieldErrors errors, string header, string reason, InteractionInput input)
    {
        errors.Add(header, reason);
        return input;
    }
}
