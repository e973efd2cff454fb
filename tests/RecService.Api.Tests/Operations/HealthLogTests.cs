using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using RecService.Api.Operations;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Operations;

public sealed class HealthLogTests(DatabaseServer server)
{
    [Fact]
    public void A_change_is_logged_once_for_each_check()
    {
        using var lines = new LinesLog();
        using var loggers = new LoggerFactory([lines]);
        var log = new HealthLog(loggers.CreateLogger<HealthLog>());

        log.Note(Report(HealthStatus.Healthy));
        log.Note(Report(HealthStatus.Degraded));
        log.Note(Report(HealthStatus.Degraded));
        log.Note(Report(HealthStatus.Unhealthy));
        log.Note(Report(HealthStatus.Healthy));
        log.Note(Report(HealthStatus.Healthy));
        log.Note(Report(HealthStatus.Degraded));

        lines
            .Lines.Select(line => line.Trim())
            .ShouldBe(new[] { "Degraded", "Unhealthy", "Degraded" }.Select(status => $"The health of part is {status} now: what is wrong"));
    }

    [Fact]
    public async Task A_service_that_stays_degraded_says_so_once_however_often_it_is_probed()
    {
        var database = await server.CreateDatabaseAsync();
        using var lines = new LinesLog();
        await using (var factory = new RecServiceFactory(database, inMemory: true))
        {
            await using var degraded = factory.WithWebHostBuilder(builder =>
                builder.ConfigureTestServices(services =>
                {
                    services.AddSingleton<ILoggerProvider>(lines);
                    services.AddHealthChecks().AddCheck("odd", () => HealthCheckResult.Degraded("is odd"), ["ready"]);
                })
            );
            using var client = degraded.CreateClient();
            for (var probe = 0; probe < 3; probe++)
            {
                (await client.GetJsonAsync("/health/ready")).GetProperty("status").GetString().ShouldBe("Degraded");
            }
        }

        await server.DropDatabaseAsync(database);
        lines.Lines.Where(line => line.Contains("is odd", StringComparison.Ordinal)).ShouldHaveSingleItem();
    }

    private static HealthReport Report(HealthStatus status) =>
        new(
            new Dictionary<string, HealthReportEntry>(StringComparer.Ordinal)
            {
                ["part"] = new(status, "what is wrong", TimeSpan.Zero, exception: null, data: null),
            },
            TimeSpan.Zero
        );
}
