using Npgsql;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class CleanupTests(DatabaseServer server) : IAsyncLifetime
{
    private string _connectionString = "";

    public async ValueTask InitializeAsync() => _connectionString = await server.CreateDatabaseAsync();

    public async ValueTask DisposeAsync() => await server.DropDatabaseAsync(_connectionString);

    [Fact]
    public async Task The_next_run_need_not_wait_until_the_space_of_the_former_one_is_cleaned_up()
    {
        await using var database = NpgsqlDataSource.Create(_connectionString);
        // It sleeps at every page.
        await using var slowDown = database.CreateCommand(
            $"ALTER DATABASE {database.CreateConnection().Database} SET vacuum_cost_delay = 100; ALTER DATABASE {database.CreateConnection().Database} SET vacuum_cost_limit = 1"
        );
        await slowDown.ExecuteNonQueryAsync();
        await using var service = new RecServiceFactory(
            _connectionString,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
            }
        );
        using var client = service.CreateClient();
        await client.PostRatingsAsync(users: 3, items: 3);

        // Too many pages to be through with them before the test has looked, however long it takes to look.
        await using var fill = database.CreateCommand(
            "INSERT INTO changes (relation) SELECT 'filler ' || filler FROM generate_series(1, 200000) AS filler"
        );
        await fill.ExecuteNonQueryAsync();
        (await client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");

        await using var look = database.CreateCommand(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = x'52656354'::int AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
            FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'VACUUM (SKIP_LOCKED)%'
            """
        );
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        object? isLocked;
        while ((isLocked = await look.ExecuteScalarAsync(limit.Token)) is null)
        {
            await Task.Delay(20, limit.Token);
        }

        isLocked.ShouldBe(false);
    }
}
