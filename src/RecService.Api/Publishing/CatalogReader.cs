using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;
using RecService.Engine.Data;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Publishing;

/// <summary>The catalogue at one moment, its features, and the name of that moment.</summary>
/// <param name="Catalog">The items.</param>
/// <param name="Features">The features of each item.</param>
/// <param name="DatabaseSnapshot">The database snapshot that was read.</param>
internal sealed record CatalogState(ItemCatalog Catalog, IReadOnlyList<EntityFeatures> Features, string DatabaseSnapshot);

/// <summary>Reads the current catalogue by binary COPY.</summary>
internal sealed class CatalogReader(NpgsqlDataSource database)
{
    private static readonly string[] Followed = [ChangeLog.Items, ChangeLog.Interactions];

    public async Task<CatalogState> ReadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var snapshot = await ChangeLog.SnapshotAsync(connection, cancellationToken);
        var users = await UsersByItemAsync(connection, cancellationToken);
        var items = new List<CatalogItem>();
        var features = new List<EntityFeatures>();
        await using (var export = await connection.BeginBinaryExportAsync(
            "COPY (SELECT item_key, item_id, tags, available, attributes::text FROM items ORDER BY item_id) TO STDOUT (FORMAT BINARY)", cancellationToken))
        {
            export.Timeout = Statements.Unhurried;
            while (await export.StartRowAsync(cancellationToken) != -1)
            {
                var key = await export.ReadAsync<long>(NpgsqlDbType.Bigint, cancellationToken);
                var id = await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken);
                var tags = await export.ReadAsync<string[]>(NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
                var available = await export.ReadAsync<bool>(NpgsqlDbType.Boolean, cancellationToken);
                items.Add(new(key, id, tags, available, users.GetValueOrDefault(key)));
                features.Add(EntityFeatures.FromJson(id, tags, await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken)));
            }
        }
        await transaction.CommitAsync(cancellationToken);
        return new(new(items), features, snapshot);
    }

    /// <summary>The active version, and whether items or interactions have changed since a former reading.</summary>
    public async Task<(long? ActiveVersion, bool Changed)> CheckAsync(string? databaseSnapshot, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT (SELECT version FROM active_model)", connection);
        var activeVersion = await command.ExecuteScalarAsync(cancellationToken) as long?;
        return (activeVersion, databaseSnapshot is null || await ChangeLog.HasChangedSinceAsync(connection, databaseSnapshot, Followed, cancellationToken));
    }

    private static async Task<Dictionary<long, int>> UsersByItemAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Item by item along an index. A hash of all pairs may spill, and two million of them then take minutes when the planner divides the work.
        await using var command = new NpgsqlCommand("SELECT item_key, count(DISTINCT user_key)::int FROM interactions GROUP BY item_key", connection)
        {
            // As long as the interactions take; the caller's token ends it.
            CommandTimeout = 0,
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var users = new Dictionary<long, int>();
        while (await reader.ReadAsync(cancellationToken))
            users.Add(reader.GetInt64(0), reader.GetInt32(1));
        return users;
    }
}
