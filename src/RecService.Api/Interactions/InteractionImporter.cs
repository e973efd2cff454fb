using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>Takes rows of a file one by one from a request into the database.</summary>
internal sealed class InteractionImporter(
    NpgsqlDataSource database,
    IOptions<InteractionsOptions> options,
    IOptions<LoadOptions> load,
    StillAllowed stillAllowed,
    ServiceMetrics metrics,
    TimeProvider clock
)
{
    public async Task<InteractionImportResponse> RunAsync(FieldErrors errors, HttpRequest request, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("import interactions");
        var start = Stopwatch.GetTimestamp();
        var now = clock.GetUtcNow();
        var rejected = new RejectedLines(load.Value.Imports.RejectedLines);
        await using var writer = await InteractionWriter.BeginAsync(database, options.Value, now, metrics, cancellationToken);
        await foreach (var row in ImportRows.ReadAsync(errors, request, InteractionColumns.OfFiles, cancellationToken))
        {
            await AddAsync(row, writer, now, rejected, cancellationToken);
        }

        if (errors.Any)
        {
            return new(0, 0, rejected.Count, rejected.Errors, rejected.Truncated);
        }

        var outcome = await writer.StoreAsync(rejected.Room, cancellationToken);
        await stillAllowed(request.HttpContext, cancellationToken);
        await writer.CommitAsync(cancellationToken);
        foreach (var (line, finding) in outcome.Rejected)
        {
            rejected.Add(line, finding.Errors());
        }

        rejected.AddUnlisted(outcome.RejectedCount - outcome.Rejected.Count);
        metrics.ImportEnded("interactions", start, outcome.Accepted, outcome.Duplicates, rejected.Count);
        return new(outcome.Accepted, outcome.Duplicates, rejected.Count, rejected.Errors, rejected.Truncated);
    }

    private async Task AddAsync(
        ImportRow<InteractionInput> line,
        InteractionWriter writer,
        DateTimeOffset now,
        RejectedLines rejected,
        CancellationToken cancellationToken
    )
    {
        if (line.Value is { } input && InteractionValidation.Validate(line.Errors, input, now) is var row && !line.Errors.Any)
        {
            await writer.AddAsync(line.Line, row, cancellationToken);
        }
        else
        {
            metrics.CountInteractions(metrics.TypeOf(line.Value?.Type), Outcome.Rejected, 1);
            rejected.AddRead(line.Line, line.Errors.All);
        }
    }
}
