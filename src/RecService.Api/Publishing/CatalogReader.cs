using Npgsql;
using NpgsqlTypes;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Publishing;

/// <summary>The moment that a catalogue was read at.</summary>
/// <param name="DatabaseSnapshot">The database snapshot.</param>
/// <param name="CountRound">The last round of counting whose numbers of users it has.</param>
internal sealed record CatalogMoment(string DatabaseSnapshot, long CountRound);

/// <summary>Rows of the catalogue that have changed.</summary>
/// <param name="Items">Items that are new or others than before.</param>
/// <param name="Features">The features of each.</param>
/// <param name="Deleted">Keys of items that are not there any more.</param>
/// <param name="Users">Users by key, where the number is another.</param>
internal sealed record CatalogChanges(
    IReadOnlyList<CatalogItem> Items,
    IReadOnlyList<EntityFeatures> Features,
    IReadOnlyList<long> Deleted,
    IReadOnlyList<KeyValuePair<long, int>> Users
);

/// <summary>Reads the catalogue: all of it by binary COPY, or the rows that have changed since.</summary>
internal sealed class CatalogReader(NpgsqlDataSource database)
{
    /// <summary>How many items are read and applied together, so that the first of a long import are served before the last are read.</summary>
    private const int BlockSize = 10_000;

    private const string Columns = $"i.item_key, i.item_id, coalesce(c.users, 0), {ItemFacts.Columns}, i.attributes::text";

    private const string Items = "items AS i LEFT JOIN item_counts AS c USING (item_key)";

    /// <summary>Reads all items.</summary>
    /// <param name="encoder">Gets what is known of each; null when nobody asks.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<(ItemCatalog Catalog, CatalogMoment Moment)> ReadAsync(ItemEncoder? encoder, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var moment = await MomentAsync(connection, cancellationToken);
        var items = await CopyAsync(connection, "ORDER BY i.item_id", encoder is null ? null : encoder.Add, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (new(items), moment);
    }

    /// <summary>The active version, and whether the catalogue has changed since a moment.</summary>
    /// <param name="since">The moment; null when nothing was read, or that too long ago to tell.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<(long? ActiveVersion, bool CatalogChanged)> CheckAsync(CatalogMoment? since, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var activeVersion = await ModelStore.FindActiveVersionAsync(connection, cancellationToken);
        return (
            activeVersion,
            since is null
                || await ItemCounts.RoundAsync(connection, cancellationToken) != since.CountRound
                || await ChangeLog.HasChangedSinceAsync(connection, since.DatabaseSnapshot, [ChangeLog.Items], cancellationToken)
        );
    }

    /// <summary>Reads what has changed since a moment, in blocks.</summary>
    /// <param name="since">The moment.</param>
    /// <param name="apply">Takes a block. What it has taken it may get again, when a later one could not be read.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The moment up to which it has been read; null when everything has to be read anew.</returns>
    public async Task<CatalogMoment?> ReadChangesAsync(CatalogMoment since, Func<CatalogChanges, Task> apply, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var moment = await MomentAsync(connection, cancellationToken);
        if (await ChangeLog.ItemsSinceAsync(connection, since.DatabaseSnapshot, cancellationToken) is not { } keys)
        {
            return null;
        }

        foreach (var block in keys.Chunk(BlockSize))
        {
            // Numbers of the service's own, which COPY takes no parameters for.
            var features = new List<EntityFeatures>(block.Length);
            var items = await CopyAsync(connection, $"WHERE i.item_key = ANY ('{{{string.Join(',', block)}}}')", features.Add, cancellationToken);
            var found = items.Select(item => item.ItemKey).ToHashSet();
            await apply(new(items, features, [.. block.Where(key => !found.Contains(key))], []));
        }

        if (moment.CountRound != since.CountRound)
        {
            await apply(new([], [], [], await ItemCounts.SinceAsync(connection, since.CountRound, cancellationToken)));
        }

        await transaction.CommitAsync(cancellationToken);
        return moment;
    }

    private static async Task<CatalogMoment> MomentAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        new(await ChangeLog.SnapshotAsync(connection, cancellationToken), await ItemCounts.RoundAsync(connection, cancellationToken));

    private static async Task<List<CatalogItem>> CopyAsync(
        NpgsqlConnection connection,
        string which,
        Action<EntityFeatures>? take,
        CancellationToken cancellationToken
    )
    {
        var items = new List<CatalogItem>();
        // Each tag once, however many items carry it.
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var export = await connection.BeginBinaryExportAsync(
            $"COPY (SELECT {Columns} FROM {Items} {which}) TO STDOUT (FORMAT BINARY)",
            cancellationToken
        );
        export.Timeout = Statements.Unhurried;
        while (await export.StartRowAsync(cancellationToken) != -1)
        {
            var key = await export.ReadAsync<long>(NpgsqlDbType.Bigint, cancellationToken);
            var id = await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken);
            var users = await export.ReadAsync<int>(NpgsqlDbType.Integer, cancellationToken);
            var facts = await ItemFacts.ReadAsync(export, cancellationToken);
            facts = facts with { Tags = [.. facts.Tags.Select(Known)] };
            items.Add(new(key, id, facts, users));
            var attributes = await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken);
            take?.Invoke(EntityFeatures.FromJson(id, facts.Tags, attributes));
        }

        return items;

        string Known(string tag) => tags.TryGetValue(tag, out var known) ? known : tags[tag] = tag;
    }
}
