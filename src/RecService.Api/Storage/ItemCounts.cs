using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// How many users have a positive interaction with each item, as rounds of counting leave it, one after the other: a number that has changed bears the round.
/// </summary>
internal static class ItemCounts
{
    /// <summary>The last round.</summary>
    public static Task<long> RoundAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ScalarAsync<long>("SELECT round FROM item_count_state", cancellationToken);

    /// <summary>Users by item key, where the number has changed after a round.</summary>
    public static async Task<IReadOnlyList<KeyValuePair<long, int>>> SinceAsync(
        NpgsqlConnection connection,
        long round,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand("SELECT item_key, users FROM item_counts WHERE round > $1", connection)
        {
            Parameters = { new() { Value = round } },
            CommandTimeout = 0,
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var users = new List<KeyValuePair<long, int>>();
        while (await reader.ReadAsync(cancellationToken))
        {
            users.Add(new(reader.GetInt64(0), reader.GetInt32(1)));
        }

        return users;
    }
}
