using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace RecService.Benchmarks;

/// <summary>An endpoint that does one prepared SELECT of a row, and nothing else: what no endpoint that asks the database can be faster than.</summary>
internal sealed class SelectEndpoint : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly NpgsqlDataSource _database;

    private SelectEndpoint(WebApplication application, NpgsqlDataSource database, HttpClient client)
    {
        _application = application;
        _database = database;
        Client = client;
    }

    public HttpClient Client { get; }

    public static async Task<SelectEndpoint> StartAsync(string connectionString)
    {
        var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 10, AutoPrepareMinUsages = 1 });
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var application = builder.Build();
        application.Urls.Add("http://127.0.0.1:0");
        application.MapGet(
            "/{key}",
            async (long key) =>
            {
                await using var command = database.CreateCommand("SELECT user_id FROM users WHERE user_key = $1");
                command.Parameters.Add(new() { Value = key });
                return (string?)await command.ExecuteScalarAsync();
            }
        );
        await application.StartAsync();
        var address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new(application, database, new() { BaseAddress = new(address) });
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _application.DisposeAsync();
        await _database.DisposeAsync();
    }
}
