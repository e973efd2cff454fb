using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Storage.Embedded;
using RecService.Api.Tests.Fixtures;

[assembly: AssemblyFixture(typeof(DatabaseServer))]

namespace RecService.Api.Tests.Fixtures;

/// <summary>
/// One PostgreSQL server for all tests: the one of <c>RECSERVICE_TEST_DATABASE</c> (a connection string whose user may create databases),
/// else an embedded one in a temporary directory.
/// </summary>
public sealed class DatabaseServer : IAsyncLifetime
{
    private readonly string _directory = TemporaryDirectory.NewPath();
    private EmbeddedPostgres? _embedded;
    private string _connectionString = "";

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("RECSERVICE_TEST_DATABASE") is { Length: > 0 } given)
        {
            _connectionString = given;
            return;
        }

        var settings = EmbeddedPostgresSettings.From(new DatabaseOptions { DataDirectory = _directory }) with
        {
            // The data is thrown away, and a test that wants to see it survive starts a server of its own. Statements are planned and run as on a
            // server of the operator's, which compiles them by default; those on the embedded one are in the tests of faults.
            ServerSettings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "jit=on"],
        };
        _embedded = new EmbeddedPostgres(settings, NullLogger<EmbeddedPostgres>.Instance);
        await _embedded.StartAsync(CancellationToken.None);
        _connectionString = settings.ConnectionStringFor("postgres");
    }

    /// <summary>Makes an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        return new NpgsqlConnectionStringBuilder(_connectionString) { Database = name }.ConnectionString;
    }

    public Task DropDatabaseAsync(string connectionString) =>
        ExecuteAsync($"DROP DATABASE IF EXISTS {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)");

    public async ValueTask DisposeAsync()
    {
        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
            Directory.Delete(_directory, recursive: true);
        }
    }

    /// <summary>Closes a database for everybody, the connections that there are included, or opens it again.</summary>
    public async Task AllowConnectionsAsync(string connectionString, bool allow)
    {
        var database = new NpgsqlConnectionStringBuilder(connectionString).Database;
        await ExecuteAsync($"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {allow}");
        if (!allow)
        {
            await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
