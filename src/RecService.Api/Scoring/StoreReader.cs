using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>A user as stored now.</summary>
/// <param name="Features">Id, tags and attributes.</param>
/// <param name="LeftOutItems">Keys of the items that the user has seen or dislikes; empty when not asked for.</param>
/// <param name="History">The user's newest positives, the newest last; empty when not asked for.</param>
internal sealed record StoredUser(EntityFeatures Features, IReadOnlyCollection<long> LeftOutItems, IReadOnlyList<PastEvent> History);

/// <summary>A user to be read.</summary>
/// <param name="UserId">The id.</param>
/// <param name="Seen">Which items count as seen.</param>
/// <param name="History">What to read of the user's history, as the model has it; null to read none.</param>
internal readonly record struct AskedUser(string UserId, SeenRule Seen, HistorySettings? History);

/// <summary>An item as stored now.</summary>
internal sealed record StoredItem(ItemFacts Facts, RawJsonObject? Metadata);

/// <summary>
/// What scoring reads from the store in the course of a request, so that the newest state counts. While the database is away, what can be told
/// without it is told, and the rest is named in <see cref="Missing"/>.
/// </summary>
internal sealed class StoreReader(NpgsqlDataSource database, ReadCircuitBreaker reads, Feedback feedback, UserCache cache)
{
    /// <summary>How many users there are of each item since a time.</summary>
    public const string Trend = "trend";

    private const int MostHistoryEvents = 2_000_000;

    private const string UserFeatures = "userFeatures";
    private const string SeenItems = "seenItems";
    private const string History = "history";
    private const string Items = "items";

    private static readonly string[] Parts = [Trend, UserFeatures, SeenItems, History, Items];

    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);
    private readonly List<KeyValuePair<string, UserVersion>> _unverified = [];
    private readonly HashSet<string> _outdated = new(StringComparer.Ordinal);
    private SharedReadTime? _together;

    /// <summary>What this request had to do without, in the words of the contract.</summary>
    public IReadOnlyList<string> Missing => [.. Parts.Where(_missing.Contains)];

    /// <summary>Whether what is stored of users could be read.</summary>
    public bool KnowsUsers => !_missing.Contains(UserFeatures);

    /// <summary>Whether a user who was taken from the cache is, as the read of items has told, not as the cache had it.</summary>
    public bool IsOutdated(string userId) => _outdated.Contains(userId);

    /// <summary>Why the histories of so many users are too much for one request; null when they are not.</summary>
    public static string? TooManyHistories(int users, HistorySettings? history) =>
        history is not null && (long)users * history.Length > MostHistoryEvents
            ? $"must name at most {MostHistoryEvents / history.Length} users, as up to {history.Length} interactions are read of each"
            : null;

    /// <summary>From now on all reads may take together what one may otherwise: they are for many users.</summary>
    public void ShareTime() => _together = reads.ShareTime();

    /// <summary>What those do without who asked for a user, or who did not, and for a history, or did not.</summary>
    public IReadOnlyList<string> MissingOf(bool user, bool history) =>
        [.. Missing.Where(part => part is not (UserFeatures or SeenItems or History) || (user && (history || part is not History)))];

    /// <summary>The user, or null when nobody has named the id. While the database is away, of every id no more is known than the id.</summary>
    /// <param name="userId">The id.</param>
    /// <param name="history">What to read of the user's history, as the model has it; null to read none.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<StoredUser?> FindUserAsync(string userId, HistorySettings? history, CancellationToken cancellationToken) =>
        (await FindUsersAsync([userId], history, cancellationToken)).GetValueOrDefault(userId);

    /// <summary>
    /// For each of those who are asked for the user, or null when nobody has named the id. While the database is away, of every id no more is known than
    /// the id.
    /// </summary>
    /// <param name="asked">The users.</param>
    /// <param name="fresh">
    /// Whether all are read now. Else they may be taken from the cache: what is made of that holds only when, after the next read of items,
    /// <see cref="IsOutdated"/> does not say otherwise.
    /// </param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<StoredUser?[]> FindUsersAsync(IReadOnlyList<AskedUser> asked, bool fresh, CancellationToken cancellationToken)
    {
        var states = new UserState?[asked.Count];
        var missing = new List<int>();
        for (var i = 0; i < asked.Count; i++)
        {
            if (!fresh && cache.Find(asked[i]) is { } cached)
            {
                states[i] = cached;
                _unverified.Add(new(asked[i].UserId, cached.Version));
            }
            else
            {
                missing.Add(i);
            }
        }

        if (missing.Count > 0)
        {
            AskedUser[] unknown = [.. missing.Select(i => asked[i])];
            try
            {
                foreach (var (place, state) in (await ReadUsersAsync(unknown, cancellationToken)).Index())
                {
                    states[missing[place]] = state;
                }
            }
            catch (DatabaseAwayException)
            {
                Miss(UserFeatures);
                Miss(SeenItems);
                // Those of the cache cannot be verified either.
                _unverified.Clear();
                return [.. asked.Select(user => MissHistory(user.UserId, user.History))];
            }
        }

        return [.. states.Select((state, i) => state?.Since(asked[i].Seen.Since))];
    }

    /// <summary>The keys of the items that a user has seen or dislikes; of none while the database is away.</summary>
    public async Task<IReadOnlyCollection<long>> FindLeftOutItemsAsync(string userId, SeenRule seen, CancellationToken cancellationToken)
    {
        try
        {
            var users = await ReadUsersAsync([new(userId, seen, History: null)], cancellationToken);
            return users[0]?.Since(seen.Since).LeftOutItems ?? [];
        }
        catch (DatabaseAwayException)
        {
            Miss(SeenItems);
            return [];
        }
    }

    /// <summary>The users among the ids that are known. While the database is away, all of them, by their ids alone.</summary>
    public async Task<Dictionary<string, StoredUser>> FindUsersAsync(
        string[] userIds,
        HistorySettings? history,
        CancellationToken cancellationToken
    )
    {
        if (userIds.Length == 0)
        {
            return [];
        }

        try
        {
            return await ReadAsync(limited => ReadUsersAsync(userIds, history, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(UserFeatures);
            return userIds.ToDictionary(id => id, id => MissHistory(id, history), StringComparer.Ordinal);
        }
    }

    /// <summary>The keys of the items among the ids that are known; of none while the database is away.</summary>
    public async Task<Dictionary<string, long>> FindItemKeysAsync(string[] itemIds, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(limited => ReadItemKeysAsync(itemIds, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(Items);
            return [];
        }
    }

    /// <summary>The features of the items among the keys that still exist; of none while the database is away.</summary>
    public async Task<IReadOnlyList<KeyValuePair<long, EntityFeatures>>> FindItemFeaturesAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(limited => ReadItemFeaturesAsync(itemKeys, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(History);
            return [];
        }
    }

    /// <summary>The features of the items among the ids that are known; of none while the database is away.</summary>
    public async Task<Dictionary<string, EntityFeatures>> FindItemsAsync(string[] itemIds, CancellationToken cancellationToken)
    {
        try
        {
            return await FeaturesAsync("SELECT item_id, tags, attributes::text FROM items WHERE item_id = ANY($1)", itemIds, cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(Items);
            return [];
        }
    }

    /// <summary>
    /// The items among the keys that still exist; null while the database is away. Users who were taken from the cache are verified with it.
    /// </summary>
    public async Task<Dictionary<long, StoredItem>?> FindItemsAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        KeyValuePair<string, UserVersion>[] unverified = [.. _unverified];
        _unverified.Clear();
        try
        {
            var (items, versions) = await ReadAsync(limited => ReadItemsAsync(itemKeys, unverified, limited), cancellationToken);
            foreach (var (userId, version) in unverified)
            {
                if (!versions.TryGetValue(userId, out var now) || now != version)
                {
                    _outdated.Add(userId);
                }
            }

            return items;
        }
        catch (DatabaseAwayException)
        {
            Miss(Items);
            _outdated.UnionWith(unverified.Select(user => user.Key));
            return null;
        }
    }

    /// <summary>Notes that the request has to do without a part.</summary>
    public void Miss(string part) => _missing.Add(part);

    private StoredUser MissHistory(string userId, HistorySettings? history)
    {
        if (history is not null)
        {
            Miss(History);
        }

        return new(EntityFeatures.Named(userId), [], []);
    }

    private Task<T> ReadAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        reads.ReadAsync(read, cancellationToken, _together);

    private async Task<UserState?[]> ReadUsersAsync(IReadOnlyList<AskedUser> asked, CancellationToken cancellationToken)
    {
        var since = cache.Moment;
        var states = await ReadAsync(limited => UserStatements.ReadAsync(database, asked, feedback, limited), cancellationToken);
        foreach (var (user, state) in asked.Zip(states))
        {
            cache.Keep(user, state, since);
        }

        return states;
    }

    private async Task<Dictionary<string, StoredUser>> ReadUsersAsync(
        string[] userIds,
        HistorySettings? history,
        CancellationToken cancellationToken
    )
    {
        // What a positive is, the model says, as HistorySettings.StoredWeightOf: here in SQL, so that no more than the newest are read of many users.
        await using var command = database.CreateCommand(
            $"""
            SELECT u.user_id, u.tags, u.attributes::text, h.items, h.types, h.times, h.values
            FROM users u
            LEFT JOIN LATERAL (
                SELECT array_agg(n.item_key ORDER BY n.occurred_at, n.interaction_key) AS items,
                       array_agg(n.type ORDER BY n.occurred_at, n.interaction_key) AS types,
                       array_agg(n.occurred_at ORDER BY n.occurred_at, n.interaction_key) AS times,
                       array_agg(n.value ORDER BY n.occurred_at, n.interaction_key) AS values
                FROM (
                    SELECT i.item_key, i.type, i.value, i.occurred_at, i.interaction_key
                    FROM interactions i
                    WHERE i.user_key = u.user_key
                        AND ($3::text[] IS NULL OR EXISTS (
                            SELECT FROM unnest($3::text[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[])
                                AS m (type, positive_from, negative_to, minimum, maximum, typical_value)
                            WHERE m.type = i.type
                                AND {Feedback.IsInRangeSql}
                                AND (m.positive_from IS NULL OR i.value >= m.positive_from)
                                AND (i.value <= m.negative_to) IS NOT TRUE
                                AND (m.typical_value IS NULL OR (i.value <= 0) IS NOT TRUE)))
                    ORDER BY i.occurred_at DESC, i.interaction_key DESC
                    LIMIT $2
                ) n
            ) h ON $2 > 0
            WHERE u.user_id = ANY($1)
            """
        );
        EventMeaning[]? meanings = history?.Types?.Where(meaning => meaning.Weight > 0).ToArray();
        command.Parameters.Add(Array(userIds, NpgsqlDbType.Text));
        command.Parameters.Add(new() { Value = history?.Length ?? 0, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.Type).ToArray(), NpgsqlDbType.Text));
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.PositiveFrom).ToArray(), NpgsqlDbType.Double));
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.NegativeTo).ToArray(), NpgsqlDbType.Double));
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.Minimum).ToArray(), NpgsqlDbType.Double));
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.Maximum).ToArray(), NpgsqlDbType.Double));
        command.Parameters.Add(Array(meanings?.Select(meaning => meaning.TypicalValue).ToArray(), NpgsqlDbType.Double));
        var users = new Dictionary<string, StoredUser>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(0);
            var features = EntityFeatures.FromJson(id, reader.GetFieldValue<string[]>(1), reader.GetString(2));
            PastEvent[] events = await reader.IsDBNullAsync(3, cancellationToken) ? [] : Events(reader, history!);
            users.Add(id, new(features, [], events));
        }
        return users;
    }

    private static PastEvent[] Events(NpgsqlDataReader reader, HistorySettings history)
    {
        var (items, types, times) = (reader.GetFieldValue<long[]>(3), reader.GetFieldValue<string[]>(4), reader.GetFieldValue<DateTime[]>(5));
        var values = reader.GetFieldValue<double?[]>(6);
        return [.. items.Select((item, e) => new PastEvent(item, history.WeightOf(types[e], values[e]), RequestPooling.Seconds(times[e])))];
    }

    private static NpgsqlParameter Array(object? values, NpgsqlDbType of) =>
        new() { Value = values ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | of };

    private async Task<Dictionary<string, long>> ReadItemKeysAsync(string[] itemIds, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT item_id, item_key FROM items WHERE item_id = ANY($1)");
        command.Parameters.Add(Array(itemIds, NpgsqlDbType.Text));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var keys = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            keys.Add(reader.GetString(0), reader.GetInt64(1));
        }

        return keys;
    }

    private async Task<IReadOnlyList<KeyValuePair<long, EntityFeatures>>> ReadItemFeaturesAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT item_key, item_id, tags FROM items WHERE item_key = ANY($1)");
        command.Parameters.Add(Array(itemKeys, NpgsqlDbType.Bigint));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var items = new List<KeyValuePair<long, EntityFeatures>>();
        while (await reader.ReadAsync(cancellationToken))
        {
            // Of attributes a history says nothing.
            items.Add(new(reader.GetInt64(0), EntityFeatures.FromJson(reader.GetString(1), reader.GetFieldValue<string[]>(2), "{}")));
        }

        return items;
    }

    private async Task<(Dictionary<long, StoredItem> Items, Dictionary<string, UserVersion> Versions)> ReadItemsAsync(
        long[] itemKeys,
        KeyValuePair<string, UserVersion>[] users,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(
            new($"SELECT item_key, metadata::text, {ItemFacts.Columns} FROM items WHERE item_key = ANY($1)")
            {
                Parameters = { Array(itemKeys, NpgsqlDbType.Bigint) },
            }
        );
        if (users.Length > 0)
        {
            batch.BatchCommands.Add(UserStatements.Versions([.. users.Select(user => user.Key).Distinct(StringComparer.Ordinal)]));
        }

        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var items = new Dictionary<long, StoredItem>();
        while (await reader.ReadAsync(cancellationToken))
        {
            RawJsonObject? metadata = await reader.IsDBNullAsync(1, cancellationToken) ? null : new RawJsonObject(reader.GetString(1));
            items.Add(reader.GetInt64(0), new(ItemFacts.Read(reader, first: 2), metadata));
        }

        return await reader.NextResultAsync(cancellationToken) ? (items, await UserStatements.ReadVersionsAsync(reader, cancellationToken)) : (items, []);
    }

    private async Task<Dictionary<string, EntityFeatures>> FeaturesAsync(string sql, string[] ids, CancellationToken cancellationToken) =>
        ids.Length == 0 ? [] : await ReadAsync(limited => ReadFeaturesAsync(sql, ids, limited), cancellationToken);

    private async Task<Dictionary<string, EntityFeatures>> ReadFeaturesAsync(string sql, string[] ids, CancellationToken cancellationToken)
    {
        var features = new Dictionary<string, EntityFeatures>(StringComparer.Ordinal);
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = ids, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(0);
            features.Add(id, EntityFeatures.FromJson(id, reader.GetFieldValue<string[]>(1), reader.GetString(2)));
        }
        return features;
    }
}
