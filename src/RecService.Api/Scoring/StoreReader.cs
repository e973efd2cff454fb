using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>A user as stored now.</summary>
/// <param name="Features">Id, tags and attributes.</param>
/// <param name="SeenItems">Keys of the items that the user has interacted with; empty when not asked for.</param>
internal sealed record StoredUser(EntityFeatures Features, IReadOnlyList<long> SeenItems);

/// <summary>An item as stored now.</summary>
internal sealed record StoredItem(ItemFacts Facts, JsonElement? Metadata);

/// <summary>
/// What scoring reads from the store in the course of a request, so that the newest state counts. While the database is away, what can be told
/// without it is told, and the rest is named in <see cref="Missing"/>.
/// </summary>
internal sealed class StoreReader(NpgsqlDataSource database, ReadCircuitBreaker reads)
{
    private const string UserFeatures = "userFeatures";
    private const string SeenItems = "seenItems";
    private const string Items = "items";

    private readonly List<string> _missing = [];

    /// <summary>What this request had to do without, in the words of the contract.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>The user, or null when nobody has named the id. While the database is away, of every id no more is known than the id.</summary>
    public async Task<StoredUser?> FindUserAsync(string userId, bool withSeenItems, CancellationToken cancellationToken)
    {
        try
        {
            return await reads.ReadAsync(limited => ReadUserAsync(userId, withSeenItems, limited), cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(UserFeatures);
            if (withSeenItems)
            {
                Miss(SeenItems);
            }

            return new(IdAlone(userId), []);
        }
    }

    /// <summary>The users among the ids that are known. While the database is away, all of them, by their ids alone.</summary>
    public async Task<Dictionary<string, EntityFeatures>> FindUsersAsync(string[] userIds, CancellationToken cancellationToken)
    {
        try
        {
            return await FeaturesAsync("SELECT user_id, tags, attributes::text FROM users WHERE user_id = ANY($1)", userIds, cancellationToken);
        }
        catch (DatabaseAwayException)
        {
            Miss(UserFeatures);
            return userIds.ToDictionary(id => id, IdAlone, StringComparer.Ordinal);
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

    private static EntityFeatures IdAlone(string id) => EntityFeatures.FromJson(id, [], "{}");

    private void Miss(string part)
    {
        if (!_missing.Contains(part, StringComparer.Ordinal))
        {
            _missing.Add(part);
        }
    }

    private async Task<StoredUser?> ReadUserAsync(string userId, bool withSeenItems, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT tags, attributes::text,
                   CASE WHEN $2 THEN ARRAY(SELECT DISTINCT i.item_key FROM interactions i WHERE i.user_key = u.user_key) ELSE '{}' END
            FROM users u WHERE user_id = $1
            """
        );
        command.Parameters.Add(new() { Value = userId, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = withSeenItems, NpgsqlDbType = NpgsqlDbType.Boolean });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new(EntityFeatures.FromJson(userId, reader.GetFieldValue<string[]>(0), reader.GetString(1)), reader.GetFieldValue<long[]>(2))
            : null;
    }

    private async Task<Dictionary<long, StoredItem>> ReadItemsAsync(long[] itemKeys, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"SELECT item_key, metadata::text, {ItemFacts.Columns} FROM items WHERE item_key = ANY($1)");
        command.Parameters.Add(new() { Value = itemKeys, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var items = new Dictionary<long, StoredItem>();
        while (await reader.ReadAsync(cancellationToken))
        {
            JsonElement? metadata = await reader.IsDBNullAsync(1, cancellationToken) ? null : JsonElement.Parse(reader.GetString(1));
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
