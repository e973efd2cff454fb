using System.Runtime.CompilerServices;
using Microsoft.Net.Http.Headers;
using RecService.Api.Domain;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>A row of an import.</summary>
/// <param name="Line">The number of its line, or of the row where there are none, from 1.</param>
/// <param name="Value">The row; null when it cannot be read.</param>
/// <param name="Errors">What is wrong with it so far.</param>
internal readonly record struct ImportRow<T>(long Line, T? Value, FieldErrors Errors)
    where T : class;

/// <summary>The rows of an import, in the format that it says to have.</summary>
internal static class ImportRows
{
    /// <summary>Reads row by row, in a bounded amount of memory.</summary>
    /// <param name="errors">What is wrong with the file as a whole; there are no more rows then.</param>
    /// <param name="request">The import.</param>
    /// <param name="columns">The columns that files may have.</param>
    /// <param name="limits">How large it may be.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static IAsyncEnumerable<ImportRow<T>> ReadAsync<T>(
        FieldErrors errors,
        HttpRequest request,
        ImportColumns<T> columns,
        ImportLimit limits,
        CancellationToken cancellationToken
    )
        where T : class, new()
    {
        var parameters = ColumnParameters.Of(request);
        return (MediaTypeHeaderValue.TryParse(request.ContentType, out var type) ? type.MediaType.Value?.ToLowerInvariant() : null) switch
        {
            Csv.MediaType => Csv.ReadAsync(errors, request.Body, columns, parameters, cancellationToken),
            ParquetRows.MediaType => ParquetRows.ReadAsync(errors, request.Body, columns, parameters, limits, cancellationToken),
            _ => ReadLinesAsync<T>(errors, request, parameters, cancellationToken),
        };
    }

    private static async IAsyncEnumerable<ImportRow<T>> ReadLinesAsync<T>(
        FieldErrors errors,
        HttpRequest request,
        ColumnParameters parameters,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
        where T : class
    {
        foreach (var name in parameters.Names)
        {
            errors.Add(name, "is for files with columns: the names in NDJSON are those of the API");
        }

        if (errors.Any)
        {
            yield break;
        }

        await foreach (var line in Lines.ReadAsync(request.BodyReader, cancellationToken))
        {
            var own = new FieldErrors();
            yield return new(line.Number, NdJson.Parse<T>(own, line), own);
        }
    }
}
