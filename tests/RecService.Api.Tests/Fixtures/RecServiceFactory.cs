using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using RecService.Api.Operations;

namespace RecService.Api.Tests.Fixtures;

/// <summary>The service as it runs in production, with its real server, on the given database, with some settings overridden.</summary>
public sealed class RecServiceFactory : WebApplicationFactory<ServiceProgram>
{
    private readonly string _connectionString;
    private readonly IReadOnlyDictionary<string, string> _settings;

    public RecServiceFactory(string connectionString, IReadOnlyDictionary<string, string>? settings = null, bool inMemory = false)
    {
        _connectionString = connectionString;
        _settings = settings ?? new Dictionary<string, string>(StringComparer.Ordinal);

        // To be able to follow redirections, the client would keep whole bodies in memory.
        ClientOptions.AllowAutoRedirect = false;
        if (!inMemory)
        {
            UseKestrel(0);
        }
    }

    /// <summary>A client that fails a test whose answers are not as the OpenAPI document says.</summary>
    public new HttpClient CreateClient()
    {
        var client = CreateDefaultClient(new ContractCheck());
        Contract.LearnAsync(() => ApiDescription.WriteAsync(Services)).GetAwaiter().GetResult();
        return client;
    }

    protected override void ConfigureClient(HttpClient client)
    {
        base.ConfigureClient(client);
        client.DefaultRequestHeaders.Add(TestKey.Header, TestKey.Text);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Production");
        builder.UseSetting("ConnectionStrings:RecService", _connectionString);
        builder.UseSetting(TestKey.Setting, TestKey.Text);

        // On a busy machine tests must not get answers without the database.
        builder.UseSetting("Database:ScoringTimeout", "00:00:30");
        foreach (var (key, value) in _settings)
        {
            builder.UseSetting(key, value);
        }

        builder.UseSetting("Logging:LogLevel:Default", "Warning");
    }
}
