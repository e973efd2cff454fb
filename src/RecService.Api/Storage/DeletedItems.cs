using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// The record of deleted items. A trigger writes it, whoever deletes an item. It is written and cleared only by who holds the item's row, or the
/// place of its id among the items, until the commit: so whoever finds an item gone sees, from the next statement on, that it was deleted, and
/// whoever creates an item can tell by a statement after that whether another had created and deleted it in between.
/// </summary>
internal static class DeletedItems
{
    /// <summary>How many records <see cref="PruneAsync"/> removes at most.</summary>
    public const int PruneSize = 10_000;

    /// <summary>Forgets that an item was deleted, after it was stored anew in the same transaction.</summary>
    public static Task ForgetAsync(NpgsqlConnection connection, string itemId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync("DELETE FROM deleted_items WHERE item_id = $1", cancellationToken, itemId);

    /// <summary>Forgets deletions up to a time; what somebody holds is left to the next time. Returns how many.</summary>
    public static Task<int> PruneAsync(NpgsqlConnection connection, DateTimeOffset until, CancellationToken cancellationToken)
    {
        const string sql = """
            DELETE FROM deleted_items WHERE item_id IN (
                SELECT item_id FROM deleted_items WHERE deleted_at <= $1 ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            """;
        return connection.ExecuteUnhurriedAsync(sql, cancellationToken, until, PruneSize);
    }
}
