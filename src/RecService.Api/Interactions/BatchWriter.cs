using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Http.Json;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>Stores a batch in one transaction, and tries again after an error of the moment where that cannot count anything twice.</summary>
internal sealed class BatchWriter(NpgsqlDataSource database, IOptions<InteractionsOptions> options, ServiceMetrics metrics)
{
    /// <exception cref="IdempotencyKeyReusedException">The key came with another body before.</exception>
    public Task<InteractionBatchResponse> StoreAsync(Batch batch, IdempotencyKey? key, CancellationToken cancellationToken)
    {
        var isRepeatable = key is not null || batch.Rows.All(row => row.Row.InteractionId is not null);
        return Transactions.RetryAsync(
            async attempt =>
            {
                await using var writer = await InteractionWriter.BeginAsync(database, options.Value, batch.ReceivedAt, metrics, cancellationToken);
                if (key is not null && await IdempotencyKeys.ClaimAsync(writer.Connection, key, batch.ReceivedAt, cancellationToken) is { } former)
                {
                    return JsonSerializer.Deserialize<InteractionBatchResponse>(former, ApiJson.Options)!;
                }

                var response = Response(batch, await StoreAsync(writer, batch, cancellationToken));

                // Where nothing was stored, a corrected batch may come under the same key.
                if (key is not null && response.Rejected < batch.Count)
                {
                    await IdempotencyKeys.KeepAsync(writer.Connection, key, JsonSerializer.Serialize(response, ApiJson.Options), cancellationToken);
                }

                if (response.Accepted == 0 && key is null)
                {
                    await writer.EndAsync(cancellationToken);
                    return response;
                }

                attempt.IsCommitting = !isRepeatable;
                await writer.CommitAsync(cancellationToken);
                return response;
            },
            cancellationToken
        );
    }

    private static async Task<WriteOutcome> StoreAsync(InteractionWriter writer, Batch batch, CancellationToken cancellationToken)
    {
        if (batch.Rows.Count <= DirectInsert.MaxRows && await writer.TryStoreDirectlyAsync(batch.Rows, cancellationToken) is { } outcome)
        {
            return outcome;
        }

        foreach (var (index, row) in batch.Rows)
        {
            await writer.AddAsync(index, row, cancellationToken);
        }

        return await writer.StoreAsync(maxRejected: batch.Rows.Count, cancellationToken);
    }

    private static InteractionBatchResponse Response(Batch batch, WriteOutcome outcome)
    {
        var rejected = outcome.Rejected.SelectMany(
            row => row.Finding.Errors(),
            (row, error) => new ElementError((int)row.Line, error.Field, error.Reason)
        );
        return new(
            outcome.Accepted,
            outcome.Duplicates,
            batch.Count - outcome.Accepted - outcome.Duplicates,
            [.. batch.Errors.Concat(rejected).OrderBy(error => error.Index)]
        );
    }
}
