using System.Diagnostics;
using Microsoft.Extensions.Options;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Telemetry;

namespace RecService.Api.Catalog;

/// <summary>Takes rows of a file one by one into an import.</summary>
internal sealed class CatalogImporter(IOptions<LoadOptions> load, StillAllowed stillAllowed, ServiceMetrics metrics)
{
    public async Task<ImportResponse> RunAsync<TLine, TRow>(
        FieldErrors errors,
        HttpRequest request,
        string kind,
        ImportColumns<TLine> columns,
        CatalogImport<TRow> import,
        Func<FieldErrors, TLine, TRow> validate,
        CancellationToken cancellationToken
    )
        where TLine : class, new()
    {
        using var span = Spans.Start($"import {kind}");
        var start = Stopwatch.GetTimestamp();
        var accepted = 0L;
        var rejected = new RejectedLines(load.Value.Imports.RejectedLines);
        await foreach (var line in ImportRows.ReadAsync(errors, request, columns, load.Value.Imports, cancellationToken))
        {
            if (line.Value is { } parsed && validate(line.Errors, parsed) is var row && !line.Errors.Any)
            {
                await import.AddAsync(line.Line, row, cancellationToken);
                accepted++;
            }
            else
            {
                rejected.AddRead(line.Line, line.Errors.All);
            }
        }

        if (errors.Any)
        {
            return new(0, rejected.Count, rejected.Errors, rejected.Truncated);
        }

        await import.StoreAsync(cancellationToken);
        await stillAllowed(request.HttpContext, cancellationToken);
        await import.CommitAsync(cancellationToken);
        metrics.ImportEnded(kind, start, accepted, duplicates: 0, rejected.Count);
        return new(accepted, rejected.Count, rejected.Errors, rejected.Truncated);
    }
}
