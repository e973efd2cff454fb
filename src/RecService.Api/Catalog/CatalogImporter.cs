using System.Diagnostics;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Telemetry;

namespace RecService.Api.Catalog;

/// <summary>Takes NDJSON line by line into an import.</summary>
internal static class CatalogImporter
{
    public static async Task<ImportResponse> RunAsync<TLine, TRow>(
        HttpRequest request,
        string kind,
        CatalogImport<TRow> import,
        Func<FieldErrors, TLine, TRow> validate,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
        where TLine : class
    {
        using var span = Spans.Start($"import {kind}");
        var start = Stopwatch.GetTimestamp();
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
        metrics.ImportEnded(kind, start, accepted, duplicates: 0, rejected.Count);
        return new(accepted, rejected.Count, rejected.Errors, rejected.Truncated);
    }
}
