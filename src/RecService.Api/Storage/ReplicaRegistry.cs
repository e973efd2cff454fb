using Npgsql;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage;

/// <summary>The processes that serve from this database, and how far each has followed the erasures.</summary>
internal sealed class ReplicaRegistry(NpgsqlDataSource database)
{
    /// <summary>
    /// A replica that says nothing for so long is not waited for: it has ended, or cannot reach the store and so does not know of the users any more.
    /// </summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReceiptLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReceiptInterval = TimeSpan.FromMilliseconds(25);

    /// <summary>How often a replica has to say that it is there.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(2);

    private readonly string _id = $"{Environment.MachineName}-{Guid.NewGuid().ToString("N")[..8]}";

    /// <summary>Says that this replica is there, and which erasures it has followed.</summary>
    public async Task BeatAsync(long erasureHorizon, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        const string sql = """
            INSERT INTO replicas (replica_id, started_at, last_seen, erasure_horizon) VALUES ($1, now(), now(), $2)
            ON CONFLICT (replica_id) DO UPDATE SET last_seen = excluded.last_seen, erasure_horizon = excluded.erasure_horizon
            """;
        await connection.ExecuteAsync(sql, cancellationToken, _id, erasureHorizon);
    }

    /// <summary>Says that this replica ends, and removes those that could not say so.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync("DELETE FROM replicas WHERE replica_id = $1 OR last_seen < now() - interval '1 day'", cancellationToken, _id);
    }

    /// <summary>The processes that are there.</summary>
    public async Task<IReadOnlyList<Replica>> ListAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "SELECT replica_id, started_at, last_seen, erasure_horizon FROM replicas WHERE last_seen > now() - $1 ORDER BY started_at"
        );
        command.Parameters.Add(new() { Value = Silence });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var replicas = new List<Replica>();
        while (await reader.ReadAsync(cancellationToken))
        {
            replicas.Add(
                new()
                {
                    ReplicaId = reader.GetString(0),
                    StartedAt = reader.GetFieldValue<DateTimeOffset>(1),
                    LastSeen = reader.GetFieldValue<DateTimeOffset>(2),
                    ErasureHorizon = reader.GetInt64(3),
                }
            );
        }

        return replicas;
    }

    /// <summary>Waits until all replicas have followed an erasure, for a second at most.</summary>
    public async Task<IReadOnlyList<ReplicaReceipt>> ReceiptsAsync(long erasureId, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var receipts = await LookAsync(erasureId, cancellationToken);
            if (receipts.TrueForAll(receipt => receipt.Confirmed) || TimeProvider.System.GetElapsedTime(start) >= ReceiptLimit)
            {
                return receipts;
            }

            await Task.Delay(ReceiptInterval, cancellationToken);
        }
    }

    private async Task<List<ReplicaReceipt>> LookAsync(long erasureId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "SELECT replica_id, erasure_horizon >= $1 FROM replicas WHERE last_seen > now() - $2 ORDER BY replica_id"
        );
        command.Parameters.Add(new() { Value = erasureId });
        command.Parameters.Add(new() { Value = Silence });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var receipts = new List<ReplicaReceipt>();
        while (await reader.ReadAsync(cancellationToken))
        {
            receipts.Add(new(reader.GetString(0), reader.GetBoolean(1)));
        }

        return receipts;
    }
}
