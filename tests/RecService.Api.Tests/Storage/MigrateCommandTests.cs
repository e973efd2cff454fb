using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Storage;

public sealed class MigrateCommandTests(DatabaseServer server)
{
    [Fact]
    public async Task A_role_that_may_not_migrate_is_told_what_to_do_and_works_after_that()
    {
        var owner = await server.CreateDatabaseAsync();
        var role = $"worker_{Guid.NewGuid():N}";
        await ExecuteAsync(
            owner,
            $"""
            CREATE ROLE {role} LOGIN PASSWORD 'secret';
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role};
            """
        );
        try
        {
            var worker = new NpgsqlConnectionStringBuilder(owner) { Username = role, Password = "secret" }.ConnectionString;
            using (var early = Service(worker))
            {
                (await early.ExitAsync()).ShouldBe(1);
                early.Output.ShouldContain("RecService.Api.dll migrate");
            }

            using (var early = Service(worker, ("Database:Migrate", "false"), ("Database:StartupTimeout", "00:00:01")))
            {
                (await early.ExitAsync()).ShouldBe(1);
                early.Output.ShouldContain("Database:Migrate is false");
                early.Output.ShouldContain("RecService.Api.dll migrate");
            }

            using var waiting = Service(worker, ("Database:Migrate", "false"));
            for (var i = 0; i < 2; i++)
            {
                // The pipeline may have the settings of the service.
                using var migration = new ServiceProcess(["migrate"], ("ConnectionStrings:RecService", owner), ("Database:Migrate", "false"));
                (await migration.ExitAsync()).ShouldBe(0, migration.Output);
            }

            using var client = await waiting.ClientAsync();
            await client.PostRatingsAsync(users: 10, items: 10);
            await client.PutJsonAsync("/v1/users/someone", new { tags = new[] { "a" } }, System.Net.HttpStatusCode.Created);
            (await client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");
            (await client.DeleteJsonAsync("/v1/interactions?userId=u1")).GetProperty("deleted").GetInt32().ShouldBe(10);
            (await waiting.StopAsync("TERM")).ShouldBe(0, waiting.Output);
        }
        finally
        {
            await ExecuteAsync(owner, $"DROP OWNED BY {role}; DROP ROLE {role}");
            await server.DropDatabaseAsync(owner);
        }
    }

    [Fact]
    public async Task A_migration_that_cannot_be_made_ends_with_an_error()
    {
        using var migration = new ServiceProcess(
            ["migrate"],
            ("ConnectionStrings:RecService", "Host=127.0.0.1;Port=1"),
            ("Database:StartupTimeout", "00:00:01")
        );
        (await migration.ExitAsync()).ShouldBe(1);
        migration.Output.ShouldContain("ConnectionStrings:RecService");
    }

    [Fact]
    public async Task A_command_that_there_is_not_starts_no_service()
    {
        using var slip = new ServiceProcess(["migrat"]);
        (await slip.ExitAsync()).ShouldBe(2);
        slip.Output.ShouldContain("'migrat'");
    }

    [Fact]
    public async Task A_migration_that_waits_for_a_lock_holds_up_nobody_and_is_tried_again()
    {
        var owner = await server.CreateDatabaseAsync();
        try
        {
            // Of a release before one that alters a table.
            await using (var former = new RecServiceDbContext(new DbContextOptionsBuilder<RecServiceDbContext>().UseNpgsql(owner).Options))
            {
                await former.Database.MigrateAsync("20261124120000_ApiKeys");
            }

            await using var busy = await OpenAsync(owner);
            await using var transaction = await busy.BeginTransactionAsync();
            await busy.ExecuteAsync("SELECT FROM models", CancellationToken.None);
            (string, string?)[] settings = [("ConnectionStrings:RecService", owner), ("Database:LockTimeout", "00:00:00.100")];
            using (var hasty = new ServiceProcess(["migrate"], [.. settings, ("Database:StartupTimeout", "00:00:01")]))
            {
                (await hasty.ExitAsync()).ShouldBe(1);
                hasty.Output.ShouldContain("hold locks");
            }

            using var patient = new ServiceProcess(["migrate"], settings);
            while (!patient.Output.Contains("a table is locked", StringComparison.Ordinal))
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            // Would wait behind the migration, as long as that waits.
            await ExecuteAsync(owner, "SET lock_timeout = '20s'; SELECT FROM models");
            await transaction.RollbackAsync();
            (await patient.ExitAsync()).ShouldBe(0, patient.Output);
            await ExecuteAsync(owner, "SELECT erasure_horizon FROM models; SELECT FROM idempotency_keys");
        }
        finally
        {
            await server.DropDatabaseAsync(owner);
        }
    }

    private static ServiceProcess Service(string connectionString, params (string Key, string? Value)[] settings) =>
        new([
            ("ConnectionStrings:RecService", connectionString),
            ("Training:Enabled", "false"),
            ("Training:Objective", "Rating"),
            ("Training:Epochs", "2"),
            .. settings,
        ]);

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = await OpenAsync(connectionString);
        await connection.ExecuteAsync(sql, CancellationToken.None);
    }

    private static async Task<NpgsqlConnection> OpenAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
