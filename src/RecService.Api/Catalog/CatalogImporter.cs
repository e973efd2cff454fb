using RecService.Api.Http;

namespace RecService.Api.Catalog;

/// <summary>Takes NDJSON line by line into an import.</summary>
internal static class CatalogImporter
{
    public static async Task<ImportResult> RunAsync<TLine, TRow>(
        HttpRequest request, CatalogImport<TRow> import, Func<FieldErrors, TLine, TRow> validate, CancellationToken cancellationToken)
        where TLine : class
    {
        var accepted = 0L;
        var rejected = new RejectedLines();
        await foreach (var line in Lines.ReadAsync(request.BodyReader, cancellationToken))
        {
            var errors = new FieldErrors();
            if (NdJson.Parse<TLine>(errors, line) is { } parsed && validate(errors, parsed) is var row && !errors.Any)
            {
                await import.AddAsync(line.Number, row, cancellationToken);
                accepted++;
            }
            else
            {
                rejected.Add(line.Number, errors.All);
            }
        }

        await import.CommitAsync(cancellationToken);
        return new ImportResult { Accepted = accepted, Rejected = rejected.Count, Errors = rejected.Errors, ErrorsTruncated = rejected.Truncated };
    }
}
