using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace RecService.Api.Tests.Fixtures;

/// <summary>The service on a fresh database with the real migrations, dropped afterwards.</summary>
public class ServiceFixture(DatabaseServer server) : IAsyncLifetime
{
    private RecServiceFactory? _factory;

    public string ConnectionString { get; private set; } = "";

    public RecServiceFactory Factory => _factory ?? throw new InvalidOperationException("The fixture is not initialised.");

    public HttpClient Client { get; private set; } = null!;

    public NpgsqlDataSource Database => Factory.Services.GetRequiredService<NpgsqlDataSource>();

    protected virtual IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public virtual async ValueTask InitializeAsync()
    {
        ConnectionString = await server.CreateDatabaseAsync();
        _factory = new RecServiceFactory(ConnectionString, Settings);
        Client = _factory.CreateClient();
    }

    public async Task<T> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using var command = Database.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return (T)(await command.ExecuteScalarAsync())!;
    }

    public virtual async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (_factory is not null)
        {
            await _factory.DisposeAsync();
        }

        await server.DropDatabaseAsync(ConnectionString);
        GC.SuppressFinalize(this);
    }
}
