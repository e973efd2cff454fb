using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Publishing;

/// <summary>The catalogue at one moment, its features, and the name of that moment.</summary>
/// <param name="Catalog">The items.</param>
/// <param name="Features">The features of each item.</param>
/// <param name="DatabaseSnapshot">The database snapshot that was read.</param>
internal sealed record CatalogState(ItemCatalog Catalog, IReadOnlyList<EntityFeatures> Features, string DatabaseSnapshot);

/// <summary>Reads the current catalogue by binary COPY, with how many users have interacted with each item.</summary>
internal sealed class CatalogReader(NpgsqlDataSource database, Feedback feedback, TimeProvider clock)
{
    /// <summary>
    /// To count users takes at most one part in so many of the time: as interactions grow, it is what keeps the database from other work.
    /// </summary>
    private const int CountingShare = 100;

    private volatile UserCounts? _counts;

    /// <summary>Reads the items; users are counted anew only if it is asked for, or has never been done.</summary>
    public async Task<CatalogState> ReadAsync(bool count, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var snapshot = await ChangeLog.SnapshotAsync(connection, cancellationToken);
        var former = count ? null : _counts;
        var counts = former ?? await CountUsersAsync(connection, snapshot, cancellationToken);
        var items = new List<CatalogItem>();
        var features = new List<EntityFeatures>();
        await using (
            var export = await connection.BeginBinaryExportAsync(
                $"COPY (SELECT item_key, item_id, {ItemFacts.Columns}, attributes::text FROM items ORDER BY item_id) TO STDOUT (FORMAT BINARY)",
                cancellationToken
            )
        )
        {
            export.Timeout = Statements.Unhurried;
            while (await export.StartRowAsync(cancellationToken) != -1)
            {
                var key = await export.ReadAsync<long>(NpgsqlDbType.Bigint, cancellationToken);
                var id = await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken);
                var facts = await ItemFacts.ReadAsync(export, cancellationToken);
                items.Add(new(key, id, facts, counts.ByItem.GetValueOrDefault(key)));
                features.Add(EntityFeatures.FromJson(id, facts.Tags, await export.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken)));
            }
        }
        await transaction.CommitAsync(cancellationToken);
        // Another reader may have counted meanwhile.
        if (former is null)
        {
            _counts = counts;
        }

        return new(new(items), features, snapshot);
    }

    /// <summary>The active version, whether items have changed since a former reading, and whether users should be counted anew.</summary>
    /// <param name="databaseSnapshot">The former reading's; null when it is too long ago to tell.</param>
    /// <param name="evenIfRecent">Whether users should be counted also if they were a short while ago.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<(long? ActiveVersion, bool ItemsChanged, bool CountDue)> CheckAsync(
        string? databaseSnapshot,
        bool evenIfRecent,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var activeVersion = await ModelStore.FindActiveVersionAsync(connection, cancellationToken);
        if (databaseSnapshot is null || _counts is not { } counts)
        {
            return (activeVersion, true, true);
        }

        var itemsChanged = await ChangeLog.HasChangedSinceAsync(connection, databaseSnapshot, [ChangeLog.Items], cancellationToken);
        var rested = evenIfRecent || clock.GetElapsedTime(counts.End) >= counts.Time * CountingShare;
        // After a longer rest the log of changes may have forgotten some.
        var countDue =
            rested
            && (
                counts.Time * CountingShare >= ChangeLog.Kept / 2
                || await ChangeLog.HasChangedSinceAsync(connection, counts.DatabaseSnapshot, [ChangeLog.Interactions], cancellationToken)
            );
        return (activeVersion, itemsChanged, countDue);
    }

    private async Task<UserCounts> CountUsersAsync(NpgsqlConnection connection, string databaseSnapshot, CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        // Item by item along an index. A hash of all pairs may spill, and two million of them then take minutes when the planner divides the work.
        await using var command = new NpgsqlCommand(
            $"""
            SELECT i.item_key, count(DISTINCT i.user_key)::int
            FROM interactions i
            WHERE EXISTS (SELECT FROM {FeedbackParameters.Table(1)} WHERE lower(m.type) = lower(i.type) AND {Feedback.IsPositiveSql})
            GROUP BY i.item_key
            """,
            connection
        )
        {
            // As long as the interactions take; the caller's token ends it.
            CommandTimeout = 0,
        };
        FeedbackParameters.Add(command.Parameters, feedback);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var users = new Dictionary<long, int>();
        while (await reader.ReadAsync(cancellationToken))
        {
            users.Add(reader.GetInt64(0), reader.GetInt32(1));
        }

        return new(users, databaseSnapshot, clock.GetElapsedTime(start), clock.GetTimestamp());
    }

    /// <param name="ByItem">Users by item key.</param>
    /// <param name="DatabaseSnapshot">The database snapshot that was read.</param>
    /// <param name="Time">How long it took.</param>
    /// <param name="End">When it was done.</param>
    private sealed record UserCounts(Dictionary<long, int> ByItem, string DatabaseSnapshot, TimeSpan Time, long End);
}
