using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// The record of erased users, by which models and runs that knew a user before forget the user. Erasures have numbers in the order of their commits;
/// what was read or made when the last number was n, its horizon, knows nothing of the users erased up to n, and has to be freed of those erased
/// since. So a user who comes back under the same id is a new one: only models from before the erasure are touched.
/// </summary>
/// <remarks>
/// A hash without a key: one beside the data would protect nothing, and SQL can tell by it which users a restored backup has brought back.
/// </remarks>
internal static class Erasures
{
    /// <summary>What records of failed runs call users who have been erased.</summary>
    public const string ErasedName = "an erased user";

    public static byte[] HashOf(string userId) => SHA256.HashData(Encoding.UTF8.GetBytes(userId));

    /// <summary>What the records of failed runs call a user.</summary>
    public static string NameOf(string userId) => $"user '{userId}'";

    /// <summary>Records the erasure of a user, as the last step of the connection's transaction; returns its number.</summary>
    public static async Task<long> RecordAsync(NpgsqlConnection connection, string userId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // One at a time until the commit: whoever sees a number sees all below it.
        await connection.ExecuteAsync("LOCK TABLE erased_users IN SHARE ROW EXCLUSIVE MODE", cancellationToken);
        // Behind the lock, as whoever records such an error holds it too.
        await connection.ExecuteAsync(
            "UPDATE training_runs SET error = replace(error, $1, $2) WHERE strpos(error, $1) > 0",
            cancellationToken,
            NameOf(userId),
            ErasedName
        );
        const string sql = """
            INSERT INTO erased_users (user_id_hash, erasure_id, erased_at)
            SELECT $1, coalesce(max(erasure_id), 0) + 1, $2 FROM erased_users
            ON CONFLICT (user_id_hash) DO UPDATE SET erasure_id = excluded.erasure_id, erased_at = excluded.erased_at
            RETURNING erasure_id
            """;
        return await connection.ScalarAsync<long>(sql, cancellationToken, HashOf(userId), now);
    }

    /// <summary>The horizon of what is read in the connection's current transaction.</summary>
    public static Task<long> HorizonAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ScalarAsync<long>("SELECT coalesce(max(erasure_id), 0) FROM erased_users", cancellationToken);

    /// <summary>As <see cref="SinceAsync"/>; no other is recorded before the connection's transaction ends.</summary>
    public static async Task<ErasedUsers> LockSinceAsync(NpgsqlConnection connection, long horizon, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("LOCK TABLE erased_users IN SHARE MODE", cancellationToken);
        return await SinceAsync(connection, horizon, cancellationToken);
    }

    /// <summary>The users erased since a horizon.</summary>
    public static async Task<ErasedUsers> SinceAsync(NpgsqlConnection connection, long horizon, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT erasure_id, user_id_hash FROM erased_users WHERE erasure_id > $1", connection)
        {
            Parameters = { new() { Value = horizon } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var hashes = new HashSet<UserHash>();
        while (await reader.ReadAsync(cancellationToken))
        {
            horizon = Math.Max(horizon, reader.GetInt64(0));
            hashes.Add(UserHash.Read(reader.GetFieldValue<byte[]>(1)));
        }

        return new(horizon, hashes);
    }
}
