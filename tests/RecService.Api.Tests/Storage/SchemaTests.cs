using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class SchemaTests(ServiceFixture service, DatabaseServer server) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task The_migrations_say_what_the_model_says()
    {
        await using var context = await service.Factory.Services.GetRequiredService<IDbContextFactory<RecServiceDbContext>>().CreateDbContextAsync();
        context.Database.HasPendingModelChanges().ShouldBeFalse();
    }

    [Fact]
    public async Task Replicas_that_start_together_migrate_once()
    {
        await using var context = await service.Factory.Services.GetRequiredService<IDbContextFactory<RecServiceDbContext>>().CreateDbContextAsync();
        var connectionString = await server.CreateDatabaseAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StartAsync(connectionString)));
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        (await connection.ScalarAsync<long>("SELECT count(*) FROM \"__EFMigrationsHistory\"", CancellationToken.None)).ShouldBe(
            await MigrationsAsync()
        );
        await connection.CloseAsync();
        await server.DropDatabaseAsync(connectionString);
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_an_error()
    {
        var connectionString = new NpgsqlConnectionStringBuilder(service.ConnectionString) { Database = "mistyped" }.ConnectionString;
        var exception = await Should.ThrowAsync<StartupException>(() => StartAsync(connectionString));
        exception.Message.ShouldContain("mistyped");
        exception.Message.ShouldContain("ConnectionStrings:RecService");
    }

    [Fact]
    public async Task A_server_that_cannot_be_reached_is_an_error_once_the_time_is_over()
    {
        var exception = await Should.ThrowAsync<StartupException>(() =>
            StartAsync("Host=127.0.0.1;Port=1;Username=u", TimeSpan.FromMilliseconds(600))
        );
        exception.Message.ShouldContain("'127.0.0.1' port 1");
        exception.Message.ShouldContain("ConnectionStrings:RecService");
    }

    private async Task<long> MigrationsAsync()
    {
        await using var context = await service.Factory.Services.GetRequiredService<IDbContextFactory<RecServiceDbContext>>().CreateDbContextAsync();
        return context.Database.GetMigrations().LongCount();
    }

    private static async Task StartAsync(string connectionString, TimeSpan? timeout = null)
    {
        var configuration = new DatabaseConfiguration(
            new DatabaseOptions { StartupTimeout = timeout ?? TimeSpan.FromSeconds(30) },
            connectionString,
            Embedded: null
        );
        await using var dataSource = NpgsqlDataSource.Create(connectionString);
        var contexts = new Contexts(new DbContextOptionsBuilder<RecServiceDbContext>().UseNpgsql(dataSource).Options);
        await new DatabaseStartup(configuration, dataSource, contexts, TimeProvider.System, NullLogger<DatabaseStartup>.Instance).RunAsync(
            CancellationToken.None
        );
    }

    private sealed class Contexts(DbContextOptions<RecServiceDbContext> options) : IDbContextFactory<RecServiceDbContext>
    {
        public RecServiceDbContext CreateDbContext() => new(options);
    }
}
