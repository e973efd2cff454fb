using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using RecService.Api.Operations;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Operations;

public sealed class HealthTests(DatabaseServer server, HealthTests.Service service) : IClassFixture<HealthTests.Service>
{
    [Fact]
    public async Task Every_probe_says_which_parts_it_looked_at()
    {
        // The other tests take the database away, which the schedule may not have got over yet.
        await UntilReadyTellsAsync("schedule Healthy");
        Parts(await service.Client.GetJsonAsync("/health/live")).ShouldBeEmpty();
        Parts(await service.Client.GetJsonAsync("/health/startup")).ShouldBe(["snapshot Healthy"]);
        Parts(await service.Client.GetJsonAsync("/health/ready"))
            .ShouldBe(["database Healthy", "snapshot Healthy", "schedule Healthy", "training Healthy"]);
    }

    [Fact]
    public async Task While_the_database_is_away_the_service_stays_ready_and_says_what_is_missing()
    {
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            await UntilReadyTellsAsync("database Degraded");
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

        await UntilReadyTellsAsync("database Healthy");
        await UntilReadyTellsAsync("schedule Healthy");
        await service.Client.GetJsonAsync("/v1/users/nobody", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Probes_within_a_second_share_one_look_at_the_database()
    {
        var clock = new FakeTimeProvider();
        await using var database = NpgsqlDataSource.Create(service.ConnectionString);
        var check = new DatabaseCheck(database, clock);
        (await StatusAsync()).ShouldBe(HealthStatus.Healthy);
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            (await StatusAsync()).ShouldBe(HealthStatus.Healthy);
            clock.Advance(TimeSpan.FromSeconds(1));
            (await StatusAsync()).ShouldBe(HealthStatus.Degraded);
        }
        finally
        {
            await server.AllowConnectionsAsync(service.ConnectionString, allow: true);
        }

        async Task<HealthStatus> StatusAsync() => (await check.CheckHealthAsync(new())).Status;
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
