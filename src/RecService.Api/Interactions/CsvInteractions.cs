using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Unicode;
using CsvHelper;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;

namespace RecService.Api.Interactions;

/// <summary>A row of CSV: an interaction, or what is wrong with the row.</summary>
internal readonly record struct CsvRow(long Line, InteractionInput? Interaction, FieldErrors Errors);

/// <summary>
/// Interactions as CSV with a header row. Tags are separated by <c>|</c>; a column <c>context.device</c> holds the context key <c>device</c> as text, a
/// column <c>context.hour:number</c> the key <c>hour</c> as a number: names of keys hold no colon. An empty cell is a value left out.
/// </summary>
internal static class CsvInteractions
{
    public const string MediaType = "text/csv";

    /// <summary>The columns that there are, for the description.</summary>
    public static readonly string Header = string.Join(
        ", ",
        InteractionColumns.All.Select(column => column.HasNames ? $"`{column.Name}.<key>`" : $"`{column.Name}`")
    );

    public static async IAsyncEnumerable<CsvRow> ReadAsync(
        FieldErrors headerErrors,
        Stream body,
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
        var columns = Columns(headerErrors, header);
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
                interaction = Parse(errors, header, columns, reader);
            }

            yield return new(reader.LineNumber, errors.Any ? null : interaction, errors);
        }
    }

    /// <summary>The column of each header; what is wrong with one goes to the errors.</summary>
    private static List<InteractionColumn> Columns(FieldErrors errors, string[] header)
    {
        var columns = new List<InteractionColumn>(header.Length);
        foreach (var name in header)
        {
            if (InteractionColumns.All.FirstOrDefault(column => column.Is(name)) is not { } column)
            {
                errors.Add(name, "is not a known column");
            }
            else if (column.HasNames && NamedProblem(name, column) is { } problem)
            {
                errors.Add(name, problem);
            }
            else
            {
                columns.Add(column);
            }
        }

        foreach (var repeated in header.GroupBy(name => CsvCells.Declared(name).Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            errors.Add(repeated.Key, "is given twice");
        }

        foreach (var missing in InteractionColumns.All.Where(column => column.IsRequired).Except(columns))
        {
            errors.Add(missing.Name, "is a column that is required");
        }

        return columns;
    }

    private static string? NamedProblem(string header, InteractionColumn column)
    {
        var (name, type) = CsvCells.Declared(header);
        return Features.NameProblem(name[(column.Name.Length + 1)..]) ?? CsvCells.TypeProblem(type);
    }

    private static InteractionInput Parse(FieldErrors errors, string[] header, List<InteractionColumn> columns, CsvReader reader)
    {
        var input = new InteractionInput();
        for (var i = 0; i < header.Length; i++)
        {
            var cell = reader.GetString(i);
            if (cell.Length > 0)
            {
                input = columns[i].ReadCell(errors, header[i], input, cell);
            }
        }

        return input;
    }
}
