using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Operations;

public sealed class HealthTests(DatabaseServer server, HealthTests.Service service) : IClassFixture<HealthTests.Service>
{
    [Fact]
    public async Task Every_probe_says_which_parts_it_looked_at()
    {
        Parts(await service.Client.GetJsonAsync("/health/live")).ShouldBeEmpty();
        Parts(await service.Client.GetJsonAsync("/health/startup")).ShouldBe(["snapshot Healthy"]);
        Parts(await service.Client.GetJsonAsync("/health/ready")).ShouldBe(["database Healthy", "snapshot Healthy", "schedule Healthy"]);
    }

    [Fact]
    public async Task While_the_database_is_away_the_service_stays_ready_and_says_what_is_missing()
    {
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            var away = await service.Client.GetJsonAsync("/health/ready");
            away.GetProperty("status").GetString().ShouldBe("Degraded");
            Parts(away).ShouldContain("database Degraded");
            Parts(away).ShouldContain("snapshot Healthy");
            away.ToString().ShouldNotContain("not currently accepting");
            away.ToString().ShouldNotContain(new Npgsql.NpgsqlConnectionStringBuilder(service.ConnectionString).Database!);
            await service.Client.GetJsonAsync("/health/live");
            await UntilReadyTellsAsync("schedule Degraded");
        }
        finally
        {
            await server.AllowConnectionsAsync(service.ConnectionString, allow: true);
        }

        Parts(await service.Client.GetJsonAsync("/health/ready")).ShouldContain("database Healthy");
        await UntilReadyTellsAsync("schedule Healthy");
        await service.Client.GetJsonAsync("/v1/users/nobody", HttpStatusCode.NotFound);
    }

    private async Task UntilReadyTellsAsync(string part)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!Parts(await service.Client.GetJsonAsync("/health/ready")).Contains(part, StringComparer.Ordinal))
        {
            await Task.Delay(100, limit.Token);
        }
    }

    private static List<string> Parts(JsonElement report) =>
        [.. report.GetProperty("checks").EnumerateObject().Select(check => $"{check.Name} {check.Value.GetProperty("status").GetString()}")];

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Interval"] = "00:00:01" };
    }
}
