using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Storage.Embedded;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Storage;

namespace RecService.Api.Tests.Faults;

/// <summary>
/// A PostgreSQL of a test's own, to be stopped while it is worked with. What it has committed outlives its processes, though not the machine.
/// </summary>
public sealed class CrashableDatabase : IAsyncLifetime
{
    private const string Name = "faults";

    private readonly string _directory = TemporaryDirectory.NewPath();
    private EmbeddedPostgres? _server;

    public string ConnectionString => Settings.ConnectionStringFor(Name);

    public string SocketFile => Path.Combine(Settings.SocketDirectory, ".s.PGSQL.5432");

    private EmbeddedPostgresSettings Settings =>
        field ??= EmbeddedPostgresSettings.From(new DatabaseOptions { DataDirectory = _directory }) with { ServerSettings = ["fsync=off"] };

    public async ValueTask InitializeAsync() => await StartAsync();

    /// <summary>Makes the database anew, with nothing in it.</summary>
    public async Task EmptyAsync()
    {
        var postgres = Settings.ConnectionStringFor("postgres");
        await ExecuteAsync(postgres, $"DROP DATABASE IF EXISTS {Name} WITH (FORCE)");
        await ExecuteAsync(postgres, $"CREATE DATABASE {Name}");
    }

    public async Task StartAsync()
    {
        _server = new EmbeddedPostgres(Settings, NullLogger<EmbeddedPostgres>.Instance);
        await _server.StartAsync(CancellationToken.None);
    }

    /// <summary>Stops the server: by INT (fast: transactions are rolled back) or QUIT (immediate: as in a crash).</summary>
    public async Task StopAsync(string signal)
    {
        await EmbeddedPostgresTests.KillAsync(signal, await EmbeddedPostgresTests.PostmasterAsync(_directory));
        await _server!.Exited.WaitAsync(Backstop.Limit);
        await _server.DisposeAsync();
    }

    public Task ExecuteAsync(string sql) => ExecuteAsync(ConnectionString, sql);

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync(ConnectionString);
        return await connection.ScalarAsync<T>(sql, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }

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
