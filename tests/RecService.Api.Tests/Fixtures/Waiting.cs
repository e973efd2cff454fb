using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Fixtures;

/// <summary>Who waits for whom in a database.</summary>
internal static class Waiting
{
    /// <summary>Waits until so many sessions wait for locks.</summary>
    public static async Task UntilAsync(NpgsqlConnection observer, int sessions)
    {
        const string sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while (await observer.ScalarAsync<long>(sql, CancellationToken.None) < sessions)
        {
            await Task.Delay(10);
        }
    }

    /// <summary>How often sessions have waited in a circle until PostgreSQL ended one of them. Sessions say so when they end: those of the sources do.</summary>
    public static async Task<long> DeadlocksAsync(string connectionString, params NpgsqlDataSource[] sources)
    {
        await using var observer = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await observer.OpenAsync();
        var former = await observer.ScalarAsync<int[]>(
            "SELECT ARRAY(SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())",
            CancellationToken.None
        );
        const string left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)";
        do
        {
            Array.ForEach(sources, source => source.Clear());
            await Task.Delay(10);
        } while (await observer.ScalarAsync<long>(left, CancellationToken.None, former) > 0);

        return await observer.ScalarAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", CancellationToken.None);
    }
}
