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
internal sealed class StoreReader(NpgsqlDataSource database, ReadCircuitBreaker reads, Feedback feedback)
{
    /// <summary>How many users there are of each item since a time.</summary>
    public const string Trend = "trend";

    private const int MostHistoryEvents = 2_000_000;

    private const string PastColumns = "i.user_key, i.item_key, i.type, i.value, i.occurred_at";

    // In the order of the index of each user's newest interactions.
    private const string PastOfSeveral = $"""
        SELECT {PastColumns}
        FROM interactions i
        WHERE i.user_key = ANY(ARRAY(SELECT u.user_key FROM users u WHERE u.user_id = ANY($1)))
        ORDER BY i.user_key, i.occurred_at DESC, i.interaction_key DESC
        """;

    private const string UserFeatures = "userFeatures";
    private const string SeenItems = "seenItems";
    private const string History = "history";
    private const string Items = "items";

    private readonly List<string> _missing = [];
    private SharedReadTime? _together;

    /// <summary>What this request had to do without, in the words of the contract.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Whether what is stored of users could be read.</summary>
    public bool KnowsUsers => !_missing.Contains(UserFeatures, StringComparer.Ordinal);

    /// <summary>Why the histories of so many users are too much for one request; null when they are not.</summary>
    public static string? TooManyHistories(int users, HistorySettings? history) =>
        history is not null && (long)users * history.Length > MostHistoryEvents
            ? $"must name at most {MostHistoryEvents / history.Length} users, as up to {history.Length} interactions are read of each"
            : null;

    /// <summary>From now on all reads may take together what one may otherwise: they are for many users.</summary>
    public void ShareTime() => _together = reads.ShareTime();

    /// <summary>What those do without who asked for a user, or who did not, and for a history, or did not.</summary>
    public IReadOnlyList<string> MissingOf(bool user, bool history) =>
        [.. _missing.Where(part => part is not (UserFeatures or SeenItems or History) || (user && (history || part is not History)))];

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
    public async Task<StoredUser?[]> FindUsersAsync(IReadOnlyList<AskedUser> asked, CancellationToken cancellationToken)
    {
        if (asked.Count == 0)
        {
            return [];
        }

        try
        {
            return await ReadAsync(limited => ReadUsersAsync(asked, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(UserFeatures);
            Miss(SeenItems);
            return [.. asked.Select(user => MissHistory(user.UserId, user.History))];
        }
    }

    /// <summary>The keys of the items that a user has seen or dislikes; of none while the database is away.</summary>
    public async Task<IReadOnlyCollection<long>> FindLeftOutItemsAsync(string userId, SeenRule seen, CancellationToken cancellationToken)
    {
        try
        {
            var users = await ReadAsync(limited => ReadUsersAsync([new(userId, seen, History: null)], limited), cancellationToken);
            return users[0]?.LeftOutItems ?? [];
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

    /// <summary>The items among the keys that still exist; null while the database is away.</summary>
    public async Task<Dictionary<long, StoredItem>?> FindItemsAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(limited => ReadItemsAsync(itemKeys, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(Items);
            return null;
        }
    }

    /// <summary>Notes that the request has to do without a part.</summary>
    public void Miss(string part)
    {
        if (!_missing.Contains(part, StringComparer.Ordinal))
        {
            _missing.Add(part);
        }
    }

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

    // All that users did, as its index has it, is read once for what was seen and for the history, and judged here: statements that PostgreSQL plans
    // once for all requests, as to plan takes longer than to read some hundred rows.
    private async Task<StoredUser?[]> ReadUsersAsync(IReadOnlyList<AskedUser> asked, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        AddCommands(batch, asked);
        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var features = new Dictionary<string, (long Key, EntityFeatures Features)>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(1);
            features.Add(id, (reader.GetInt64(0), EntityFeatures.FromJson(id, reader.GetFieldValue<string[]>(2), reader.GetString(3))));
        }

        var pasts = asked.Select(user => new UserPast(user.Seen, user.History, feedback)).ToArray();
        var byKey = asked
            .Zip(pasts)
            .Where(user => features.ContainsKey(user.First.UserId))
            .ToLookup(user => features[user.First.UserId].Key, user => user.Second);
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            double? value = await reader.IsDBNullAsync(3, cancellationToken) ? null : reader.GetDouble(3);
            foreach (var past in byKey[reader.GetInt64(0)])
            {
                past.Add(reader.GetInt64(1), reader.GetString(2), value, reader.GetDateTime(4));
            }
        }

        return [.. asked.Select((user, i) => features.TryGetValue(user.UserId, out var known) ? pasts[i].Of(known.Features) : null)];
    }

    // Of one user, whom most requests are about, by the statements that are planned best.
    private static void AddCommands(NpgsqlBatch batch, IReadOnlyList<AskedUser> asked)
    {
        if (asked.Count == 1)
        {
            Add("SELECT user_key, user_id, tags, attributes::text FROM users WHERE user_id = $1", asked[0].UserId, NpgsqlDbType.Text);
            Add(
                $"""
                SELECT {PastColumns}
                FROM interactions i
                WHERE i.user_key = (SELECT u.user_key FROM users u WHERE u.user_id = $1)
                ORDER BY i.occurred_at DESC, i.interaction_key DESC
                """,
                asked[0].UserId,
                NpgsqlDbType.Text
            );
            return;
        }

        string[] ids = [.. asked.Select(user => user.UserId).Distinct(StringComparer.Ordinal)];
        Add("SELECT user_key, user_id, tags, attributes::text FROM users WHERE user_id = ANY($1)", ids, NpgsqlDbType.Array | NpgsqlDbType.Text);
        Add(PastOfSeveral, ids, NpgsqlDbType.Array | NpgsqlDbType.Text);

        void Add(string sql, object value, NpgsqlDbType type) =>
            batch.BatchCommands.Add(new(sql) { Parameters = { new() { Value = value, NpgsqlDbType = type } } });
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

    private async Task<Dictionary<long, StoredItem>> ReadItemsAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT item_key, metadata::text, {ItemFacts.Columns} FROM items WHERE item_key = ANY($1)";
        command.Parameters.Add(Array(itemKeys, NpgsqlDbType.Bigint));
        await command.PrepareAsync(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var items = new Dictionary<long, StoredItem>();
        while (await reader.ReadAsync(cancellationToken))
        {
            RawJsonObject? metadata = await reader.IsDBNullAsync(1, cancellationToken) ? null : new RawJsonObject(reader.GetString(1));
            items.Add(reader.GetInt64(0), new(ItemFacts.Read(reader, first: 2), metadata));
        }
        return items;
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
