using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>
/// The statements that read users, and those that tell whether they have changed. Each reads all of a user at one moment. Those of one user, whom most requests are
/// about, PostgreSQL plans once for all requests, as to plan takes longer than to read some hundred rows; of an array it expects more than one and plans anew.
/// </summary>
internal static class UserStatements
{
    // Of keys alone, so that an index has it. Sums of neighbouring keys are often alike, those of their hashes are not.
    private const string Version = "count(*) AS count, coalesce(bit_xor(hashint8extended(i.interaction_key, 0)), 0) AS hash";

    private const string VersionsSql = $"""
        SELECT u.user_id, u.user_key, u.xmin, v.count, v.hash
        FROM users u
        CROSS JOIN LATERAL (SELECT {Version} FROM interactions i WHERE i.user_key = u.user_key) v
        WHERE u.user_id =
        """;

    // In the order of the index of each user's newest interactions.
    private const string StatesSql = $"""
        SELECT u.user_id, u.user_key, u.xmin, p.count, p.hash, u.tags, u.attributes::text, p.items, p.types, p.values, p.times
        FROM users u
        CROSS JOIN LATERAL (
            SELECT {Version}, array_agg(i.item_key) AS items, array_agg(i.type) AS types, array_agg(i.value) AS values, array_agg(i.occurred_at) AS times
            FROM (
                SELECT n.interaction_key, n.item_key, n.type, n.value, n.occurred_at
                FROM interactions n
                WHERE n.user_key = u.user_key
                ORDER BY n.occurred_at DESC, n.interaction_key DESC
            ) i
        ) p
        WHERE u.user_id =
        """;

    /// <summary>Reads the versions of users.</summary>
    public static NpgsqlBatchCommand Versions(string[] userIds) => new(Of(VersionsSql, userIds)) { Parameters = { Ids(userIds) } };

    /// <summary>The versions by the ids of the users that there are.</summary>
    public static async Task<Dictionary<string, UserVersion>> ReadVersionsAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var versions = new Dictionary<string, UserVersion>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            versions.Add(reader.GetString(0), VersionOf(reader));
        }

        return versions;
    }

    /// <summary>For each of those who are asked for what is stored; null where nobody has named the id.</summary>
    public static async Task<UserState?[]> ReadAsync(
        NpgsqlDataSource database,
        IReadOnlyList<AskedUser> asked,
        Feedback feedback,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        string[] userIds = [.. asked.Select(user => user.UserId).Distinct(StringComparer.Ordinal)];
        await using var command = new NpgsqlCommand(Of(StatesSql, userIds), connection);
        command.Parameters.Add(Ids(userIds));
        await command.PrepareAsync(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var states = new UserState?[asked.Count];
        var places = Enumerable.Range(0, asked.Count).ToLookup(i => asked[i].UserId, StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(0);
            var features = EntityFeatures.FromJson(id, reader.GetFieldValue<string[]>(5), reader.GetString(6));
            var version = VersionOf(reader);
            var past = version.Count == 0 ? default : Past(reader);
            foreach (var i in places[id])
            {
                var judged = new UserPast(asked[i].Seen.Types, asked[i].History, feedback);
                for (var e = 0; e < version.Count; e++)
                {
                    judged.Add(past.Items[e], past.Types[e], past.Values[e], past.Times[e]);
                }

                states[i] = judged.Of(features, version);
            }
        }

        return states;
    }

    private static UserVersion VersionOf(NpgsqlDataReader reader) =>
        new(reader.GetInt64(1), reader.GetFieldValue<uint>(2), reader.GetInt64(3), reader.GetInt64(4));

    private static (long[] Items, string[] Types, double?[] Values, DateTime[] Times) Past(NpgsqlDataReader reader) =>
        (reader.GetFieldValue<long[]>(7), reader.GetFieldValue<string[]>(8), reader.GetFieldValue<double?[]>(9), reader.GetFieldValue<DateTime[]>(10));

    private static string Of(string sql, string[] userIds) => sql + (userIds.Length == 1 ? " $1" : " ANY($1)");

    private static NpgsqlParameter Ids(string[] userIds) =>
        userIds.Length == 1
            ? new() { Value = userIds[0], NpgsqlDbType = NpgsqlDbType.Text }
            : new() { Value = userIds, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
