using System.Net;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

/// <summary>Releases on a schema that is not of their own making.</summary>
public sealed class SchemaLevelTests(DatabaseServer server)
{
    private const string Unknown = "99990101000000_OfANewerRelease";

    [Fact]
    public async Task A_newer_schema_that_only_has_more_is_worked_on_with_a_warning()
    {
        await WithDatabaseAsync(async database =>
        {
            await ExecuteAsync(
                database,
                $"""ALTER TABLE items ADD of_a_newer_release text; INSERT INTO "__EFMigrationsHistory" VALUES ('{Unknown}', '99.0.0')"""
            );

            using var service = new ServiceProcess(("ConnectionStrings:RecService", database));
            using var client = await service.ClientAsync();
            await client.PutJsonAsync("/v1/items/i", new { tags = new[] { "a" } }, HttpStatusCode.Created);
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);

            service.Output.ShouldContain(Unknown);
        });
    }

    [Theory]
    [InlineData]
    [InlineData("migrate")]
    public async Task A_schema_that_needs_a_newer_release_is_refused(params string[] arguments)
    {
        await WithDatabaseAsync(async database =>
        {
            await ExecuteAsync(database, $"UPDATE schema_compatibility SET least_level = {SchemaLevel.OfThisRelease + 1}");

            using var service = new ServiceProcess(arguments, ("ConnectionStrings:RecService", database));
            (await service.ExitAsync()).ShouldBe(1, service.Output);

            service.Output.ShouldContain($"needs one of schema level {SchemaLevel.OfThisRelease + 1}");
        });
    }

    [Fact]
    public async Task Who_waits_for_a_migration_and_gets_one_that_needs_a_newer_release_is_refused()
    {
        await WithDatabaseAsync(async database =>
        {
            // As if the last migration were yet to come.
            await ExecuteAsync(
                database,
                """
                ALTER TABLE schema_compatibility RENAME TO later;
                CREATE TABLE last AS SELECT * FROM "__EFMigrationsHistory" ORDER BY "MigrationId" DESC LIMIT 1;
                DELETE FROM "__EFMigrationsHistory" AS h USING last WHERE last."MigrationId" = h."MigrationId";
                """
            );
            using var service = new ServiceProcess(("ConnectionStrings:RecService", database), ("Database:Migrate", "false"));
            while (!service.Output.Contains("waiting up to", StringComparison.Ordinal))
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            await ExecuteAsync(
                database,
                """
                UPDATE later SET least_level = 99;
                ALTER TABLE later RENAME TO schema_compatibility;
                INSERT INTO "__EFMigrationsHistory" SELECT * FROM last;
                """
            );

            (await service.ExitAsync()).ShouldBe(1, service.Output);
            service.Output.ShouldContain("schema level 99");
        });
    }

    [Fact]
    public async Task Every_migration_of_before_can_be_worked_on_by_this_release() =>
        await WithDatabaseAsync(async database =>
        {
            await using var connection = await OpenAsync(database);
            (await SchemaLevel.LeastAsync(connection, CancellationToken.None)).ShouldBeInRange(1, SchemaLevel.OfThisRelease);
        });

    [Fact]
    public async Task A_deletion_by_a_process_of_the_former_release_counts_once_the_schema_is_migrated()
    {
        await WithDatabaseAsync(async database =>
        {
            using var service = new ServiceProcess(("ConnectionStrings:RecService", database));
            using var client = await service.ClientAsync();
            await client.PutJsonAsync("/v1/items/gone", new { }, HttpStatusCode.Created);
            await client.PutJsonAsync("/v1/items/back", new { }, HttpStatusCode.Created);

            // What that release does for DELETE /v1/items/{itemId}, and for PUT.
            await ExecuteAsync(database, "DELETE FROM items WHERE item_id IN ('gone', 'back')");
            await ExecuteAsync(
                database,
                "INSERT INTO items (item_id, tags, attributes, created_at, updated_at) VALUES ('back', '{}', '{}', now(), now())"
            );

            var late = await client.PostJsonAsync("/v1/interactions", Interactions("gone"), HttpStatusCode.BadRequest);
            late.Errors().Keys.ShouldBe(["interactions[0].itemId"]);
            (await client.PostJsonAsync("/v1/interactions", Interactions("back"))).GetProperty("accepted").GetInt32().ShouldBe(1);
        });
    }

    private static object Interactions(string itemId) =>
        new
        {
            interactions = new[]
            {
                new
                {
                    userId = "u",
                    itemId,
                    type = "view",
                },
            },
        };

    private async Task WithDatabaseAsync(Func<string, Task> test)
    {
        var database = await server.CreateDatabaseAsync();
        try
        {
            await using (var context = new RecServiceDbContext(new DbContextOptionsBuilder<RecServiceDbContext>().UseNpgsql(database).Options))
            {
                await context.Database.MigrateAsync();
            }

            await test(database);
        }
        finally
        {
            await server.DropDatabaseAsync(database);
        }
    }

    private static async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await connection.ExecuteAsync(sql, CancellationToken.None);
    }
}
