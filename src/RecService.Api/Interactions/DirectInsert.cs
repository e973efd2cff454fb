using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>Stores a few interactions row by row, which takes less time than to make a temporary table for them.</summary>
internal static class DirectInsert
{
    /// <summary>Up to how many rows.</summary>
    public const int MaxRows = 64;

    private const string Save = "SAVEPOINT before_direct_insert";

    // Prepared plans outlive their occasion: one that reads the whole table, made while that was small, would still be used when it has grown.
    private const string LookUp = "SET LOCAL enable_seqscan = off";

    private const string Undo = "ROLLBACK TO SAVEPOINT before_direct_insert";

    private const string InsertInteraction = """
        INSERT INTO interactions (user_key, item_key, type, value, occurred_at, tags, context, interaction_id, recommendation_id, received_at)
        SELECT u.user_key, m.item_key, $3, $4, coalesce($5, $10), $6, $7, $8, $9, $10 FROM users AS u, items AS m WHERE u.user_id = $1 AND m.item_id = $2
        ON CONFLICT (user_key, interaction_id) WHERE interaction_id IS NOT NULL DO NOTHING
        """;

    // Sorted as the other writers do it, so that two never wait for each other in a circle.
    private const string SelectUnknown = """
        SELECT ARRAY(SELECT DISTINCT i.id COLLATE "C" FROM unnest($1) AS i (id) WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.user_id = i.id COLLATE "C") ORDER BY 1),
            ARRAY(SELECT DISTINCT i.id COLLATE "C" FROM unnest($2) AS i (id) WHERE NOT EXISTS (SELECT FROM items AS m WHERE m.item_id = i.id COLLATE "C") ORDER BY 1)
        """;

    private const string InsertUsers =
        "INSERT INTO users (user_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (user_id) DO NOTHING";

    private const string InsertItems =
        "INSERT INTO items (item_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (item_id) DO NOTHING";

    /// <summary>Stores the rows, and their users and items; false, with nothing done, when one of them was stored before or is there twice.</summary>
    public static async Task<bool> TryAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<InteractionRow> rows,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        // Also for a single row: inserted or not, it would be a change in the change log.
        if (await InsertAsync(connection, [new(Save), new(LookUp)], rows, now, cancellationToken))
        {
            return true;
        }

        // Mostly because users or items are unknown.
        var creations = await UndoAndFindCreationsAsync(connection, rows, now, cancellationToken);
        if (creations.Count == 0)
        {
            return false;
        }

        if (await InsertAsync(connection, creations, rows, now, cancellationToken))
        {
            return true;
        }

        await connection.ExecuteAsync(Undo, cancellationToken);
        return false;
    }

    /// <summary>Says whether all rows went in.</summary>
    private static async Task<bool> InsertAsync(
        NpgsqlConnection connection,
        IEnumerable<NpgsqlBatchCommand> before,
        IReadOnlyCollection<InteractionRow> rows,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        NpgsqlBatchCommand[] insertions = [.. rows.Select(row => Insertion(row, now))];
        await using var batch = Batch(connection, before.Concat(insertions));
        await batch.PrepareAsync(cancellationToken);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return insertions.All(insertion => insertion.RecordsAffected == 1);
    }

    /// <summary>
    /// The statements that create the unknown users and items. There are none that would change nothing: the change log would take them for changes.
    /// </summary>
    private static async Task<List<NpgsqlBatchCommand>> UndoAndFindCreationsAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<InteractionRow> rows,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        NpgsqlBatchCommand select = new(SelectUnknown)
        {
            Parameters = { TextArray([.. rows.Select(row => row.UserId)]), TextArray([.. rows.Select(row => row.ItemId)]) },
        };
        await using var batch = Batch(connection, [new(Undo), new(LookUp), select]);
        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return [.. Creation(InsertUsers, reader.GetFieldValue<string[]>(0), now), .. Creation(InsertItems, reader.GetFieldValue<string[]>(1), now)];
    }

    private static NpgsqlBatch Batch(NpgsqlConnection connection, IEnumerable<NpgsqlBatchCommand> commands)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var command in commands)
        {
            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    private static IEnumerable<NpgsqlBatchCommand> Creation(string sql, string[] ids, DateTimeOffset now) =>
        ids.Length == 0 ? [] : [new(sql) { Parameters = { TextArray(ids), Time(now) } }];

    private static NpgsqlBatchCommand Insertion(in InteractionRow row, DateTimeOffset now) =>
        new(InsertInteraction)
        {
            Parameters =
            {
                Text(row.UserId),
                Text(row.ItemId),
                Text(row.Type),
                new() { Value = row.Value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                Time(row.OccurredAt?.ToUniversalTime()),
                TextArray(row.Tags),
                new() { Value = row.Context, NpgsqlDbType = NpgsqlDbType.Jsonb },
                Text(row.InteractionId),
                Text(row.RecommendationId),
                Time(now),
            },
        };

    private static NpgsqlParameter Text(string? value) => new() { Value = value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter TextArray(string[] values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static NpgsqlParameter Time(DateTimeOffset? value) =>
        new() { Value = value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
