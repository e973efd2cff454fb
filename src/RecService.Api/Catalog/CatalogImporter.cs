using System.Diagnostics;
using Microsoft.Extensions.Options;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Telemetry;

namespace RecService.Api.Catalog;

/// <summary>Takes NDJSON line by line into an import.</summary>
internal sealed class CatalogImporter(IOptions<LoadOptions> load, StillAllowed stillAllowed, ServiceMetrics metrics)
{
    public async Task<ImportResponse> RunAsync<TLine, TRow>(
        HttpRequest request,
        string kind,
        CatalogImport<TRow> import,
        Func<FieldErrors, TLine, TRow> validate,
        CancellationToken cancellationToken
    )
        where TLine : class
    {
        using var span = Spans.Start($"import {kind}");
        var start = Stopwatch.GetTimestamp();
        var accepted = 0L;
        var rejected = new RejectedLines(load.Value.Imports.RejectedLines);
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
                rejected.AddRead(line.Number, errors.All);
            }
        }

        await import.StoreAsync(cancellationToken);
        await stillAllowed(request.HttpContext, cancellationToken);
        await import.CommitAsync(cancellationToken);
        metrics.ImportEnded(kind, start, accepted, duplicates: 0, rejected.Count);
        return new(accepted, rejected.Count, rejected.Errors, rejected.Truncated);
    }
}
