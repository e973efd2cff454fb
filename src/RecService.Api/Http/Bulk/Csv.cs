using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Unicode;
using CsvHelper;
using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>
/// CSV with a header row. Tags are separated by <c>|</c>; a column <c>context.device</c> holds the context key <c>device</c> as text, a column
/// <c>context.hour:number</c> the key <c>hour</c> as a number. An empty cell is a value left out.
/// </summary>
internal static class Csv
{
    public const string MediaType = "text/csv";

    /// <summary>Reads row by row. What is wrong with the header, or with the file from some row on, goes to the errors, and there are no more rows.</summary>
    public static async IAsyncEnumerable<ImportRow<T>> ReadAsync<T>(
        FieldErrors fileErrors,
        Stream body,
        ImportColumns<T> columns,
        ColumnParameters parameters,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
        where T : class, new()
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
        await using var content = new SettledReads(body);
        await using var reader = CsvReader.Create(content, options, leaveOpen: true);
        if (!await ReadHeaderAsync(fileErrors, reader, cancellationToken) || columns.Bind(fileErrors, [.. reader.Headers], parameters) is not { } rows)
        {
            yield break;
        }

        while (await NextAsync(fileErrors, reader.ReadAsync(cancellationToken)))
        {
            var errors = new FieldErrors();
            T? row = null;
            if (malformed is not null)
            {
                errors.Add("$", "has a quotation mark in the wrong place");
                malformed = null;
            }
            else if (reader.FieldCount != rows.Columns.Count)
            {
                errors.Add("$", string.Create(CultureInfo.InvariantCulture, $"has {reader.FieldCount} columns, the header has {rows.Columns.Count}"));
            }
            else if (!Utf8.IsValid(reader.RawRecord))
            {
                errors.Add("$", "is not encoded in UTF-8");
            }
            else
            {
                row = Parse(errors, rows, reader);
            }

            yield return new(reader.LineNumber, errors.Any ? null : row, errors);
        }
    }

    private static async Task<bool> ReadHeaderAsync(FieldErrors errors, CsvReader reader, CancellationToken cancellationToken)
    {
        try
        {
            await reader.ReadHeaderAsync(cancellationToken);
            return true;
        }
        catch (CsvFormatException)
        {
            AddTooLong(errors);
            return false;
        }
    }

    private static async ValueTask<bool> NextAsync(FieldErrors errors, ValueTask<bool> next)
    {
        try
        {
            return await next;
        }
        catch (CsvFormatException)
        {
            AddTooLong(errors);
            return false;
        }
    }

    // Most likely a quotation mark that is not closed: where the next row starts is not known.
    private static void AddTooLong(FieldErrors errors) =>
        errors.Add("$", $"has a row longer than {Lines.MaxLength / 1024} KiB; perhaps a quotation mark is not closed");

    private static T Parse<T>(FieldErrors errors, RowReader<T> rows, CsvReader reader)
        where T : new()
    {
        var row = rows.Begin(errors);
        for (var i = 0; i < rows.Columns.Count; i++)
        {
            if (rows.Columns[i] is { } column && reader.GetString(i) is { Length: > 0 } text)
            {
                row = column.Read(errors, column.Name, row, new(text));
            }
        }

        return row;
    }
}
