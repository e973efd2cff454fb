using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.WebUtilities;
using Parquet;
using Parquet.Schema;
using RecService.Api.Domain;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>
/// Rows of a Parquet file, one row group after the other. Its table of contents stands at its end, so that the file is put aside first: up to a mebibyte
/// in memory, else in the temporary folder.
/// </summary>
internal static class ParquetRows
{
    public const string MediaType = "application/vnd.apache.parquet";

    private const int InMemory = 1024 * 1024;

    private const string NotReadable = "is no Parquet file that can be read";

    /// <summary>What a value takes beside its bytes: its place in arrays, its level, and of a text the object.</summary>
    private const long BytesOfValue = 24;

    /// <summary>Reads row by row. What is wrong with the file goes to the errors, and there are no more rows.</summary>
    public static async IAsyncEnumerable<ImportRow<T>> ReadAsync<T>(
        FieldErrors fileErrors,
        Stream body,
        ImportColumns<T> columns,
        ColumnParameters parameters,
        ImportLimit limits,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
        where T : class, new()
    {
        await using var content = new FileBufferingReadStream(body, InMemory, limits.ParquetMebibytes * 1024L * 1024, Path.GetTempPath);
        await FillAsync(content, limits, cancellationToken);
        await using var file = await OpenAsync(fileErrors, content, cancellationToken);
        if (file is null || !IsWithinLimits(fileErrors, file, content.Length, limits))
        {
            yield break;
        }

        var fields = file.Schema.Fields.SelectMany(ParquetColumn.Leaves).ToList();
        if (columns.Bind(fileErrors, [.. fields.Select(field => field.Name)], parameters) is not { } rows || !AreRead(fileErrors, fields, rows))
        {
            yield break;
        }

        var number = 0L;
        for (var group = 0; group < file.RowGroupCount; group++)
        {
            var values = await ReadGroupAsync(fileErrors, file, group, fields, rows, cancellationToken);
            try
            {
                for (var row = 0L; values is not null && row < file.RowGroups[group].RowCount; row++)
                {
                    var errors = new FieldErrors();
                    var value = Parse(errors, fileErrors, rows, values);
                    if (fileErrors.Any)
                    {
                        break;
                    }

                    yield return new(++number, errors.Any ? null : value, errors);
                }
            }
            finally
            {
                foreach (var column in values ?? [])
                {
                    column?.Dispose();
                }
            }

            if (fileErrors.Any)
            {
                yield break;
            }
        }
    }

    private static async Task FillAsync(FileBufferingReadStream content, ImportLimit limits, CancellationToken cancellationToken)
    {
        try
        {
            await content.DrainAsync(cancellationToken);
            content.Position = 0;
        }
        catch (IOException exception) when (exception.Message.StartsWith("Buffer limit", StringComparison.Ordinal))
        {
            throw new FileTooLargeException($"is a Parquet file of more than {limits.ParquetMebibytes} MiB; send it in parts, or as NDJSON or CSV");
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or DirectoryNotFoundException || IsNoRoom(exception))
        {
            throw new NoTemporaryFilesException(exception);
        }
    }

    // No space left; read-only.
    private static bool IsNoRoom(Exception exception) => exception is IOException { HResult: 28 or 30 or unchecked((int)0x80070070) };

    private static Task<ParquetReader?> OpenAsync(FieldErrors errors, Stream content, CancellationToken cancellationToken) =>
        TryAsync(
            errors,
            async () =>
            {
                var options = new ParquetOptions { UseDateOnlyTypeForDates = true, TreatByteArrayAsString = true };
                var reader = await ParquetReader.CreateAsync(content, options, leaveStreamOpen: true, cancellationToken);

                // It is made when it is first asked for.
                _ = reader.Schema;
                return reader;
            }
        );

    /// <summary>
    /// Whether it has no more in it than it may, by its table of contents: row groups that fit into memory, and in all as much as a compressed body of its
    /// size may expand to.
    /// </summary>
    private static bool IsWithinLimits(FieldErrors errors, ParquetReader file, long length, ImportLimit limits)
    {
        var total = 0.0;
        foreach (var group in file.Metadata!.RowGroups)
        {
            var columns = group.Columns.Select(column => column.MetaData!).ToList();
            if (group.NumRows < 0 || columns.Any(column => column is null || column.NumValues < 0 || column.TotalUncompressedSize < 0))
            {
                errors.Add("$", NotReadable);
                return false;
            }

            total += columns.Sum(column => Math.Max((double)column.TotalUncompressedSize, column.NumValues));

            // Texts are twice as long in memory.
            var needed = columns.Sum(column => (2.0 * column.TotalUncompressedSize) + ((double)BytesOfValue * column.NumValues)) / 1024 / 1024;
            if (needed > limits.RowGroupMebibytes)
            {
                throw new FileTooLargeException(
                    FormattableString.Invariant(
                        $"has a row group of {group.NumRows} rows, which needs {needed:0} MiB of memory and may need {limits.RowGroupMebibytes}; write smaller ones, such as of 100000 rows"
                    )
                );
            }
        }

        return total <= BoundedDecompression.FreeBytes + ((double)length * limits.ExpansionRatio) ? true : throw new ExpansionException(limits.ExpansionRatio);
    }

    /// <summary>Whether the columns that are wanted have types that are taken.</summary>
    private static bool AreRead<T>(FieldErrors errors, List<(string Name, DataField? Field)> fields, RowReader<T> rows)
        where T : new()
    {
        foreach (var ((name, field), column) in fields.Zip(rows.Columns))
        {
            if (column is not null && (field is null || !ParquetColumn.Takes(field)))
            {
                errors.Add(name, "has a type that is not taken; texts, numbers, times, booleans and lists of texts are");
            }
        }

        return !errors.Any;
    }

    private static Task<List<ParquetColumn?>?> ReadGroupAsync<T>(
        FieldErrors errors,
        ParquetReader file,
        int group,
        List<(string Name, DataField? Field)> fields,
        RowReader<T> rows,
        CancellationToken cancellationToken
    )
        where T : new() =>
        TryAsync(
            errors,
            async () =>
            {
                var reader = file.OpenRowGroupReader(group);
                var columns = new List<ParquetColumn?>(fields.Count);
                foreach (var ((_, field), column) in fields.Zip(rows.Columns))
                {
                    columns.Add(column is null ? null : await ParquetColumn.ReadAsync(reader, field!, cancellationToken));
                }

                return columns;
            }
        );

    private static T? Parse<T>(FieldErrors errors, FieldErrors fileErrors, RowReader<T> rows, List<ParquetColumn?> values)
        where T : class, new()
    {
        var row = rows.Begin(errors);
        for (var i = 0; i < values.Count; i++)
        {
            object? value;
            try
            {
                value = values[i]?.Next();
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                fileErrors.Add("$", NotReadable);
                return null;
            }

            if (value is not null)
            {
                row = rows.Columns[i]!.Read(errors, rows.Columns[i]!.Name, row, new(value));
            }
        }

        return row;
    }

    /// <summary>What the library makes of a file that is none, or a broken one, may be any exception.</summary>
    private static async Task<TResult?> TryAsync<TResult>(FieldErrors errors, Func<Task<TResult>> read)
        where TResult : class
    {
        try
        {
            return await read();
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or OutOfMemoryException))
        {
            errors.Add("$", NotReadable);
            return null;
        }
    }
}
