using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Json;
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
    /// <summary>Imports what a request has in it, all of its valid lines together.</summary>
    /// <param name="errors">What is wrong with the file as a whole; nothing is stored then.</param>
    /// <param name="request">The request.</param>
    /// <param name="keyed">What names it when it has been read, if anything does.</param>
    /// <param name="cancellationToken">Ends it; nothing is stored then.</param>
    /// <exception cref="IdempotencyKeyReusedException">The key came with another body before.</exception>
    public async Task<InteractionImportResponse> RunAsync(
        FieldErrors errors,
        HttpRequest request,
        KeyedBody? keyed,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start("import interactions");
        var start = Stopwatch.GetTimestamp();
        var now = clock.GetUtcNow();
        var rejected = new RejectedLines(load.Value.Imports.RejectedLines);
        await using var writer = await InteractionWriter.BeginAsync(database, options.Value, now, metrics, cancellationToken);
        await foreach (var row in ImportRows.ReadAsync(errors, request, InteractionColumns.OfFiles, load.Value.Imports, cancellationToken))
        {
            await AddAsync(row, writer, now, rejected, cancellationToken);
        }

        if (errors.Any)
        {
            return new(0, 0, rejected.Count, rejected.Errors, rejected.Truncated);
        }

        await writer.CompleteAsync(cancellationToken);
        var key = keyed?.Key;
        if (key is not null && await IdempotencyKeys.ClaimAsync(writer.Connection, key, now, cancellationToken) is { } former)
        {
            return JsonSerializer.Deserialize<InteractionImportResponse>(former, ApiJson.Options)!;
        }

        var outcome = await writer.StoreAsync(rejected.Room, cancellationToken);
        foreach (var (line, finding) in outcome.Rejected)
        {
            rejected.Add(line, finding.Errors());
        }

        rejected.AddUnlisted(outcome.RejectedCount - outcome.Rejected.Count);
        var response = new InteractionImportResponse(outcome.Accepted, outcome.Duplicates, rejected.Count, rejected.Errors, rejected.Truncated);

        // Where nothing was stored, a corrected file may come under the same key.
        if (key is not null && response.Accepted + response.Duplicates > 0)
        {
            await IdempotencyKeys.KeepAsync(writer.Connection, key, JsonSerializer.Serialize(response, ApiJson.Options), cancellationToken);
        }

        await stillAllowed(request.HttpContext, cancellationToken);
        await writer.CommitAsync(cancellationToken);
        metrics.ImportEnded("interactions", start, outcome.Accepted, outcome.Duplicates, rejected.Count);
        return response;
    }

    private async ValueTask AddAsync(
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
