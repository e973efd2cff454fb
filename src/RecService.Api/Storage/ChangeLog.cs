using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Tells whether tables have changed since a reader's snapshot, however the rows changed. A reader keeps the text of <c>pg_current_snapshot()</c>,
/// taken in the same transaction (repeatable read) as its data.
/// </summary>
internal static class ChangeLog
{
    public const string Users = "users";

    public const string Items = "items";

    public const string Interactions = "interactions";

    /// <summary>How long a change stays in the log at least: a reader that has not looked for longer reads everything anew.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    public static async Task<string> SnapshotAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_current_snapshot()::text", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task<bool> HasChangedSinceAsync(
        NpgsqlConnection connection,
        string snapshot,
        IReadOnlyList<string> relations,
        CancellationToken cancellationToken
    )
    {
        const string sql = """
            SELECT EXISTS (
                SELECT FROM changes
                WHERE relation = ANY ($2) AND xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot))
            """;
        await using var command = new NpgsqlCommand(sql, connection)
        {
            Parameters =
            {
                new() { Value = snapshot },
                new() { Value = relations.ToArray() },
            },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Keys of the items that have changed since a reader's snapshot, each once; null when it may be any.</summary>
    public static async Task<long[]?> ItemsSinceAsync(NpgsqlConnection connection, string snapshot, CancellationToken cancellationToken)
    {
        // By transaction: a long one keeps the snapshot's lower end back, and what others changed meanwhile is looked at again and again.
        const string sql = """
            SELECT ARRAY(
                SELECT DISTINCT i.item_key FROM changes AS c JOIN item_changes AS i ON i.xid = c.xid
                WHERE c.relation = 'items' AND c.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)
                ORDER BY i.item_key)
            """;
        var keys = await connection.ScalarUnhurriedAsync<long[]>(sql, cancellationToken, snapshot);
        return keys is [0, ..] ? null : keys;
    }

    /// <summary>
    /// Removes what neither the holder of the snapshot nor a reader that looks at least once within <see cref="Kept"/> needs. Without it the log has
    /// a row for every write ever.
    /// </summary>
    public static async Task<int> PruneAsync(NpgsqlConnection connection, string snapshot, CancellationToken cancellationToken)
    {
        const string sql = "DELETE FROM changes WHERE xid < pg_snapshot_xmin($1::pg_snapshot) AND changed_at < now() - $2";
        var pruned = await connection.ExecuteUnhurriedAsync(sql, cancellationToken, snapshot, Kept);
        // Also of what a process of the former release has removed, which knows nothing of them.
        const string orphans = """
            DELETE FROM item_changes AS i
            WHERE i.xid < pg_snapshot_xmin($1::pg_snapshot) AND NOT EXISTS (SELECT FROM changes AS c WHERE c.relation = 'items' AND c.xid = i.xid)
            """;
        await connection.ExecuteUnhurriedAsync(orphans, cancellationToken, snapshot);
        return pruned;
    }

    /// <summary>Removes which items have changed, where no reader goes on from that any more.</summary>
    public static async Task PruneItemsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string sql = """
            DELETE FROM item_changes AS i USING changes AS c
            WHERE c.relation = 'items' AND c.xid = i.xid AND c.xid < pg_snapshot_xmin(pg_current_snapshot()) AND c.changed_at < now() - $1
            """;
        await connection.ExecuteAsync(Statements.SessionWithoutJit, cancellationToken);
        await connection.ExecuteUnhurriedAsync(sql, cancellationToken, Kept);
    }
}
