using System.Net;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

/// <summary>The service, with a client that has no key, and keys as they are needed.</summary>
public class KeyedService(DatabaseServer server) : ServiceFixture(server)
{
    /// <summary>Sends no key of its own.</summary>
    public HttpClient Stranger { get; private set; } = null!;

    protected override IReadOnlyDictionary<string, string> Settings { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false", ["Access:AnonymousLimit:PerSecond"] = "0" };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Stranger = new HttpClient(new ContractCheck(new SocketsHttpHandler { AllowAutoRedirect = false })) { BaseAddress = Client.BaseAddress };
    }

    public async Task<(string Key, string Prefix)> NewKeyAsync(string name, params string[] roles)
    {
        var made = await Client.PostJsonAsync("/v1/api-keys", new { name, roles }, HttpStatusCode.Created);
        return (made.GetProperty("key").GetString()!, made.GetProperty("record").GetProperty("prefix").GetString()!);
    }

    /// <summary>Returns when the service knows what is in the table.</summary>
    public Task KnownAsync() => Factory.Services.GetRequiredService<KnownKeys>().RefreshAsync(CancellationToken.None);

    public override async ValueTask DisposeAsync()
    {
        Stranger?.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
