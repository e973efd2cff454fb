using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Unicode;
using CsvHelper;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Json;

namespace RecService.Api.Interactions;

/// <summary>A row of CSV: an interaction, or what is wrong with the row.</summary>
internal readonly record struct CsvRow(long Line, InteractionInput? Interaction, FieldErrors Errors);

/// <summary>
/// Interactions as CSV with a header row. Tags are separated by <c>|</c>; a column <c>context.device</c> holds the context key <c>device</c>,
/// always as text. An empty cell is a value left out.
/// </summary>
internal static class CsvInteractions
{
    public const string MediaType = "text/csv";

    private const string ContextPrefix = "context.";

    private static readonly string[] Columns = ["interactionId", "userId", "itemId", "type", "value", "occurredAt", "tags", "recommendationId"];
    private static readonly string[] RequiredColumns = ["userId", "itemId", "type"];

    public static async IAsyncEnumerable<CsvRow> ReadAsync(
        Stream body,
        FieldErrors headerErrors,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        CsvMalformedReason? malformed = null;
        var options = new CsvReaderOptions
        {
            Separator = ',',
            DetectSeparatorHint = false,
            MaxRecordSize = Lines.MaxLength,
            TrackLineNumbers = true,
            OnMalformedRecord = record => malformed = record.Reason,
        };
        await using var reader = CsvReader.Create(body, options, leaveOpen: true);
        await reader.ReadHeaderAsync(cancellationToken);
        string[] header = [.. reader.Headers];
        CheckHeader(headerErrors, header);
        if (headerErrors.Any)
        {
            yield break;
        }

        while (await reader.ReadAsync(cancellationToken))
        {
            var errors = new FieldErrors();
            InteractionInput? interaction = null;
            if (malformed is not null)
            {
                errors.Add("$", "has a quotation mark in the wrong place");
                malformed = null;
            }
            else if (reader.FieldCount != header.Length)
            {
                errors.Add("$", string.Create(CultureInfo.InvariantCulture, $"has {reader.FieldCount} columns, the header has {header.Length}"));
            }
            else if (!Utf8.IsValid(reader.RawRecord))
            {
                errors.Add("$", "is not encoded in UTF-8");
            }
            else
            {
                interaction = Parse(errors, header, reader);
            }

            yield return new(reader.LineNumber, errors.Any ? null : interaction, errors);
        }
    }

    private static void CheckHeader(FieldErrors errors, string[] header)
    {
        foreach (var column in header)
        {
            var isContext = column.StartsWith(ContextPrefix, StringComparison.Ordinal);
            if (!isContext && !Columns.Contains(column, StringComparer.Ordinal))
            {
                errors.Add(column, "is not a known column");
            }
            else if (isContext && Features.NameProblem(column[ContextPrefix.Length..]) is { } problem)
            {
                errors.Add(column, problem);
            }
        }

        foreach (var repeated in header.GroupBy(column => column, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            errors.Add(repeated.Key, "is given twice");
        }

        foreach (var missing in RequiredColumns.Except(header, StringComparer.Ordinal))
        {
            errors.Add(missing, "is a column that is required");
        }
    }

    private static InteractionInput Parse(FieldErrors errors, string[] header, CsvReader reader)
    {
        var input = new InteractionInput();
        Dictionary<string, AttributeValue>? context = null;
        for (var i = 0; i < header.Length; i++)
        {
            var cell = reader.GetString(i);
            if (cell.Length == 0)
            {
                continue;
            }

            switch (header[i])
            {
                case "interactionId":
                    input = input with { InteractionId = cell };
                    break;
                case "userId":
                    input = input with { UserId = cell };
                    break;
                case "itemId":
                    input = input with { ItemId = cell };
                    break;
                case "type":
                    input = input with { Type = cell };
                    break;
                case "value" when double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var value):
                    input = input with { Value = value };
                    break;
                case "value":
                    errors.Add("value", "must be a number");
                    break;
                case "occurredAt" when Rfc3339Converter.TryParse(cell, out var time):
                    input = input with { OccurredAt = time };
                    break;
                case "occurredAt":
                    errors.Add("occurredAt", Rfc3339Converter.Expected);
                    break;
                case "tags":
                    input = input with { Tags = cell.Split('|') };
                    break;
                case "recommendationId":
                    input = input with { RecommendationId = cell };
                    break;
                case var column when ExternalId.TextProblem(cell, Features.MaxTextLength) is { } problem:
                    errors.Add(column, problem);
                    break;
                case var column:
                    context ??= new(StringComparer.Ordinal);
                    context[column[ContextPrefix.Length..]] = AttributeValue.Of(cell);
                    break;
            }
        }

        return input with
        {
            Context = context,
        };
    }
}
