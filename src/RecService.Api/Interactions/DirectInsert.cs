using Npgsql;
using NpgsqlTypes;

namespace RecService.Api.Interactions;

/// <summary>Stores a few interactions row by row, which takes less time than to make a temporary table for them.</summary>
internal static class DirectInsert
{
    /// <summary>Up to how many rows.</summary>
    public const int MaxRows = 64;

    private const string Savepoint = "before_direct_insert";

    private const string InsertInteraction = """
        INSERT INTO interactions (user_key, item_key, type, value, occurred_at, tags, context, interaction_id, recommendation_id, received_at)
        SELECT u.user_key, m.item_key, $3, $4, coalesce($5, $10), $6, $7, $8, $9, $10 FROM users AS u, items AS m WHERE u.user_id = $1 AND m.item_id = $2
        ON CONFLICT (user_key, interaction_id) WHERE interaction_id IS NOT NULL DO NOTHING
        """;

    // Sorted, so that two writers never wait for each other in a circle.
    private const string SelectUnknown = """
        SELECT ARRAY(SELECT DISTINCT i.id FROM unnest($1) AS i (id) WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.user_id = i.id COLLATE "C") ORDER BY i.id),
            ARRAY(SELECT DISTINCT i.id FROM unnest($2) AS i (id) WHERE NOT EXISTS (SELECT FROM items AS m WHERE m.item_id = i.id COLLATE "C") ORDER BY i.id)
        """;

    private const string InsertUsers = "INSERT INTO users (user_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (user_id) DO NOTHING";

    private const string InsertItems = "INSERT INTO items (item_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (item_id) DO NOTHING";

    /// <summary>Stores the rows, and their users and items; false, with nothing done, when one of them was stored before or is there twice.</summary>
    public static async Task<bool> TryAsync(NpgsqlTransaction transaction, IReadOnlyCollection<InteractionRow> rows, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var connection = transaction.Connection!;

        // Of a single row whose user or item is unknown, the statement does nothing that would have to be undone.
        if (rows.Count > 1)
        {
            await transaction.SaveAsync(Savepoint, cancellationToken);
        }

        if (await InsertAsync(connection, rows, [], [], now, cancellationToken))
        {
            return true;
        }

        if (rows.Count > 1)
        {
            await transaction.RollbackAsync(Savepoint, cancellationToken);
        }

        var (users, items) = await UnknownAsync(connection, rows, cancellationToken);
        if (users.Length == 0 && items.Length == 0)
        {
            return false;
        }

        if (rows.Count == 1)
        {
            await transaction.SaveAsync(Savepoint, cancellationToken);
        }

        if (await InsertAsync(connection, rows, users, items, now, cancellationToken))
        {
            return true;
        }

        await transaction.RollbackAsync(Savepoint, cancellationToken);
        return false;
    }

    /// <summary>Says whether all went in.</summary>
    private static async Task<bool> InsertAsync(
        NpgsqlConnection connection, IReadOnlyCollection<InteractionRow> rows, string[] users, string[] items, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);

        // Statements that would change nothing are not run: the change log would take them for changes.
        if (users.Length > 0)
        {
            batch.BatchCommands.Add(Creation(InsertUsers, users, now));
        }

        if (items.Length > 0)
        {
            batch.BatchCommands.Add(Creation(InsertItems, items, now));
        }

        NpgsqlBatchCommand[] insertions = [.. rows.Select(row => Insertion(row, now))];
        foreach (var insertion in insertions)
        {
            batch.BatchCommands.Add(insertion);
        }

        await batch.PrepareAsync(cancellationToken);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return insertions.All(insertion => insertion.RecordsAffected == 1);
    }

    private static async Task<(string[] Users, string[] Items)> UnknownAsync(
        NpgsqlConnection connection, IReadOnlyCollection<InteractionRow> rows, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SelectUnknown, connection)
        {
            Parameters = { TextArray([.. rows.Select(row => row.UserId)]), TextArray([.. rows.Select(row => row.ItemId)]) },
        };
        await command.PrepareAsync(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetFieldValue<string[]>(0), reader.GetFieldValue<string[]>(1));
    }

    private static NpgsqlBatchCommand Creation(string sql, string[] ids, DateTimeOffset now) => new(sql) { Parameters = { TextArray(ids), Time(now) } };

    private static NpgsqlBatchCommand Insertion(in InteractionRow row, DateTimeOffset now) => new(InsertInteraction)
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

    private static NpgsqlParameter Time(DateTimeOffset? value) => new() { Value = value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
