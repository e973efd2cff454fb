using System.Diagnostics;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Faults;

/// <summary>Acknowledged is stored, and nothing is stored twice, whatever dies.</summary>
[Collection(nameof(OneFaultAtATime)), Trait("Category", "Faults")]
public sealed class CrashTests(CrashableDatabase database, ITestOutputHelper output) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_service_is_killed_again_and_again_while_callers_write()
    {
        var rounds = FaultScale.Of(brief: 3, full: 50);
        var seed = FaultScale.Seed(output);
        var random = new Random(seed);
        Uri? address = null;
        var writers = new Writers(seed, () => Volatile.Read(ref address));
        for (var round = 0; round < rounds; round++)
        {
            using var service = New();
            using var client = await service.ClientAsync();
            var before = writers.Acknowledged.Count;
            Volatile.Write(ref address, client.BaseAddress);

            // A process that has just started takes its time for the first requests; sometimes it is killed in the midst of those.
            using var limit = new CancellationTokenSource(Backstop.Limit);
            while (round % 4 != 3 && writers.Acknowledged.Count == before)
            {
                await Task.Delay(10, limit.Token);
            }

            await Task.Delay(random.Next(0, 1000));
            await service.KillAsync();
        }

        using var last = New();
        using var lastClient = await last.ClientAsync();
        Volatile.Write(ref address, lastClient.BaseAddress);
        await writers.StopAsync();
        output.WriteLine($"{rounds} rounds of kill -9");
        await writers.CheckAsync(database, output);
        (await last.StopAsync("TERM")).ShouldBe(0, last.Output);
    }

    [Fact]
    public async Task The_database_is_restarted_again_and_again_while_callers_write_and_the_service_goes_on()
    {
        var rounds = FaultScale.Of(brief: 2, full: 20);
        var seed = FaultScale.Seed(output);
        var random = new Random(seed);
        using var service = New();
        using var client = await service.ClientAsync();
        var address = client.BaseAddress;
        await client.PostRatingsAsync(5, 5);
        var writers = new Writers(seed, () => address);
        var longest = TimeSpan.Zero;
        for (var round = 0; round < rounds; round++)
        {
            await Task.Delay(random.Next(200, 1500));
            await database.StopAsync(random.Next(2) == 0 ? "INT" : "QUIT");
            var start = Stopwatch.GetTimestamp();
            var away = await client.PostJsonAsync("/v1/recommendations", new { userId = "u1" });
            away.GetProperty("degraded").GetArrayLength().ShouldBe(3);
            var took = Stopwatch.GetElapsedTime(start);
            longest = took > longest ? took : longest;
            await Task.Delay(random.Next(0, 500));
            await database.StartAsync();
        }

        await writers.StopAsync();
        output.WriteLine($"{rounds} restarts of PostgreSQL; recommendations meanwhile took {longest.TotalMilliseconds:F0} ms at most");
        await writers.CheckAsync(database, output);
        await HealthyAsync(client);
        (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        service.Output.ShouldNotContain("A request failed unexpectedly");
    }

    [Fact]
    public async Task Connections_are_cut_again_and_again_while_callers_write()
    {
        var rounds = FaultScale.Of(brief: 30, full: 300);
        var seed = FaultScale.Seed(output);
        var random = new Random(seed);
        using var service = New();
        using var client = await service.ClientAsync();
        var address = client.BaseAddress;
        var writers = new Writers(seed, () => address);
        for (var round = 0; round < rounds; round++)
        {
            await Task.Delay(random.Next(10, 100));
            await database.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
            );
        }

        await writers.StopAsync();
        output.WriteLine($"half of all connections cut, {rounds} times");
        await writers.CheckAsync(database, output);
        await HealthyAsync(client);
        (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        service.Output.ShouldNotContain("A request failed unexpectedly");
    }

    [Fact]
    public async Task Told_to_stop_under_load_the_service_answers_what_it_has_taken_and_ends()
    {
        for (var round = 0; round < FaultScale.Of(brief: 1, full: 10); round++)
        {
            await database.EmptyAsync();
            using var service = New(("ShutdownTimeout", "00:00:10"));
            using var client = await service.ClientAsync();
            var address = client.BaseAddress;
            var writers = new Writers(round, () => address, persistent: false);
            await Task.Delay(1000);
            var start = Stopwatch.GetTimestamp();
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
            output.WriteLine($"ended {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s after SIGTERM");
            Stopwatch.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(20));
            await writers.StopAsync();
            writers.Acknowledged.Count.ShouldBeGreaterThan(0);
            await writers.CheckAsync(database, output);
        }
    }

    private static async Task HealthyAsync(HttpClient client)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while ((await client.GetJsonAsync("/health/ready")).GetProperty("status").GetString() != "Healthy")
        {
            await Task.Delay(100, limit.Token);
        }
    }

    private ServiceProcess New(params (string Key, string? Value)[] settings) =>
        new([
            ("ConnectionStrings:RecService", database.ConnectionString),
            ("Training:Enabled", "false"),
            ("Database:ScoringTimeout", "00:00:01"),
            .. settings,
        ]);
}
