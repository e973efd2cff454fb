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

    private const string UserFeatures = "userFeatures";
    private const string SeenItems = "seenItems";
    private const string History = "history";
    private const string Items = "items";

    private readonly List<string> _missing = [];

    /// <summary>What this request had to do without, in the words of the contract.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Whether what is stored of users could be read.</summary>
    public bool KnowsUsers => !_missing.Contains(UserFeatures, StringComparer.Ordinal);

    /// <summary>The user, or null when nobody has named the id. While the database is away, of every id no more is known than the id.</summary>
    /// <param name="userId">The id.</param>
    /// <param name="seen">Which items count as seen; null to read neither these nor what the user dislikes.</param>
    /// <param name="history">What to read of the user's history, as the model has it; null to read none.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<StoredUser?> FindUserAsync(string userId, SeenRule? seen, HistorySettings? history, CancellationToken cancellationToken)
    {
        if (seen is null)
        {
            return (await FindUsersAsync([userId], history, cancellationToken)).GetValueOrDefault(userId);
        }

        try
        {
            return await reads.ReadAsync(limited => ReadUserAsync(userId, seen, history, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(UserFeatures);
            Miss(SeenItems);
            return MissHistory(userId, history);
        }
    }

    /// <summary>The keys of the items that a user has seen or dislikes; of none while the database is away.</summary>
    public async Task<IReadOnlyCollection<long>> FindLeftOutItemsAsync(string userId, SeenRule seen, CancellationToken cancellationToken)
    {
        try
        {
            var user = await reads.ReadAsync(limited => ReadUserAsync(userId, seen, history: null, limited), cancellationToken);
            return user?.LeftOutItems ?? [];
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
            return await reads.ReadAsync(limited => ReadUsersAsync(userIds, history, limited), cancellationToken);
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
            return await reads.ReadAsync(limited => ReadItemKeysAsync(itemIds, limited), cancellationToken);
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
            return await reads.ReadAsync(limited => ReadItemFeaturesAsync(itemKeys, limited), cancellationToken);
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
            return await reads.ReadAsync(limited => ReadItemsAsync(itemKeys, limited), cancellationToken);
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

    // All that a user did, as its index has it, is read once for what was seen and for the history, and judged here: statements that PostgreSQL plans
    // once for all requests, as to plan takes longer than to read some hundred rows.
    private async Task<StoredUser?> ReadUserAsync(string userId, SeenRule seen, HistorySettings? history, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                UserCommand("SELECT tags, attributes::text FROM users WHERE user_id = $1", userId),
                UserCommand(
                    """
                    SELECT i.item_key, i.type, i.value, i.occurred_at
                    FROM interactions i
                    WHERE i.user_key = (SELECT u.user_key FROM users u WHERE u.user_id = $1)
                    ORDER BY i.occurred_at DESC, i.interaction_key DESC
                    """,
                    userId
                ),
            },
        };
        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var features = EntityFeatures.FromJson(userId, reader.GetFieldValue<string[]>(0), reader.GetString(1));
        await reader.NextResultAsync(cancellationToken);
        var seenTypes = seen.Types.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var leftOut = new HashSet<long>();
        var events = new List<PastEvent>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (itemKey, type, time) = (reader.GetInt64(0), reader.GetString(1), reader.GetDateTime(3));
            double? value = await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetDouble(2);
            var meaning = feedback.Of(type);
            if (
                meaning?.IsNegative(value) == true
                || (seenTypes.Contains(type) && !(time < seen.Since?.UtcDateTime) && meaning?.IsInRange(value) != false)
            )
            {
                leftOut.Add(itemKey);
            }

            if (events.Count < history?.Length && history.StoredWeightOf(type, value) is > 0 and var weight)
            {
                events.Add(new(itemKey, weight, RequestPooling.Seconds(time)));
            }
        }

        events.Reverse();
        return new(features, leftOut, events);
    }

    private static NpgsqlBatchCommand UserCommand(string sql, string userId) =>
        new(sql) { Parameters = { new() { Value = userId, NpgsqlDbType = NpgsqlDbType.Text } } };

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
        ids.Length == 0 ? [] : await reads.ReadAsync(limited => ReadFeaturesAsync(sql, ids, limited), cancellationToken);

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
