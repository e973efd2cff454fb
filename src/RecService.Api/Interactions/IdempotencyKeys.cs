using System.Security.Cryptography;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>
/// What names a request, so that it can be sent again: the caller, the key that he chose, and the hash of the body that it stands for.
/// </summary>
internal sealed record IdempotencyKey(string Caller, string Key, byte[] BodyHash)
{
    public const string HeaderName = "Idempotency-Key";

    public static string? Problem(string key) => key.Length == 0 ? "must not be empty" : ExternalId.TextProblem(key, ExternalId.MaxLength);
}

/// <summary>A key stands for another body.</summary>
internal sealed class IdempotencyKeyReusedException : Exception;

/// <summary>
/// Answers by the keys of their requests, committed together with what they tell of. Requests with the same key wait for each other at the table's
/// primary key,
/// in whatever process they are.
/// </summary>
internal sealed partial class IdempotencyKeys(NpgsqlDataSource database, TimeProvider clock, ILogger<IdempotencyKeys> logger) : BackgroundService
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    /// <summary>Makes the key this transaction's, unless there is an answer under it: that is returned.</summary>
    public static async Task<string?> ClaimAsync(
        NpgsqlConnection connection,
        IdempotencyKey key,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        // A row without an answer is of a request that stored nothing.
        const string claim = """
            INSERT INTO idempotency_keys (caller, key, body_hash, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (caller, key) DO UPDATE SET body_hash = excluded.body_hash, created_at = excluded.created_at, answer = NULL
            WHERE idempotency_keys.answer IS NULL OR idempotency_keys.created_at < $5
            """;
        while (await connection.ExecuteAsync(claim, cancellationToken, key.Caller, key.Key, key.BodyHash, now, now - Kept) == 0)
        {
            await using var command = new NpgsqlCommand("SELECT body_hash, answer FROM idempotency_keys WHERE caller = $1 AND key = $2", connection)
            {
                Parameters =
                {
                    new() { Value = key.Caller },
                    new() { Value = key.Key },
                },
            };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);

            // Not there: it was pruned between the two statements.
            if (await reader.ReadAsync(cancellationToken))
            {
                return CryptographicOperations.FixedTimeEquals(reader.GetFieldValue<byte[]>(0), key.BodyHash)
                    ? reader.GetString(1)
                    : throw new IdempotencyKeyReusedException();
            }
        }

        return null;
    }

    public static Task KeepAsync(NpgsqlConnection connection, IdempotencyKey key, string answer, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            "UPDATE idempotency_keys SET answer = $3 WHERE caller = $1 AND key = $2",
            cancellationToken,
            key.Caller,
            key.Key,
            answer
        );

    public async Task<int> PruneAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(Statements.SessionWithoutJit, cancellationToken);
        return await connection.ExecuteUnhurriedAsync(
            "DELETE FROM idempotency_keys WHERE created_at < $1",
            cancellationToken,
            clock.GetUtcNow() - Kept
        );
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PruneInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await PruneAsync(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    LogPruneFailed(exception.Discreet());
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end of the service.
        }
    }

    [LoggerMessage(LogLevel.Warning, "Old idempotency keys could not be removed; it is tried again in an hour")]
    private partial void LogPruneFailed(Exception exception);
}
