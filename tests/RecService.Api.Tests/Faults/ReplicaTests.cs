using System.Diagnostics;
using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Faults;

/// <summary>Several processes on one database.</summary>
[Collection(nameof(OneFaultAtATime)), Trait("Category", "Faults")]
public sealed class ReplicaTests(CrashableDatabase database, ITestOutputHelper output) : IAsyncLifetime
{
    // A run that was cut off is tried again before the next turn, which would be long after the test.
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task When_the_process_that_trains_is_killed_another_one_trains_and_what_is_published_or_rolled_back_reaches_all()
    {
        using var first = New(("Training:Epochs", "10000"), ("Training:Factors", "256"), ("Training:Interval", Interval.ToString()));
        using var trainer = await first.ClientAsync();
        using var third = New(("Training:Enabled", "false"), ("Training:Epochs", "2"));
        await trainer.PostRatingsAsync(users: 100, items: 100);
        await trainer.PostJsonAsync("/v1/training-runs", new { }, HttpStatusCode.Accepted);
        var killed = (await UntilAsync(() => trainer.RunsAsync(), runs => runs.Any(run => run.GetProperty("epochs").GetArrayLength() > 0)))[0]
            .GetProperty("runId")
            .GetInt64();

        using var second = New(("Training:Epochs", "2"), ("Training:Interval", Interval.ToString()));
        using var heir = await second.ClientAsync();
        using var bystander = await third.ClientAsync();

        // It looks at the run of the other process more than once.
        await Task.Delay(TimeSpan.FromSeconds(5));
        (await heir.RunsAsync()).ShouldHaveSingleItem().GetProperty("status").GetString().ShouldBe("running");
        await first.KillAsync();
        var start = Stopwatch.GetTimestamp();
        var runs = await UntilAsync(() => heir.RunsAsync(), runs => runs.Count > 1);
        output.WriteLine(
            $"trainer killed; another process began to train {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s later, with a schedule of every {Interval.TotalHours} h"
        );
        Stopwatch.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(10));
        runs[^1].GetProperty("runId").GetInt64().ShouldBe(killed);
        runs[^1].GetProperty("status").GetString().ShouldBe("failed");
        runs[^1].GetProperty("error").GetString()!.ShouldContain("process ended");
        var published = (await heir.EndOfRunAsync(runs[^2].GetProperty("runId").GetInt64())).GetProperty("modelVersion").GetInt64();
        await ServedAsync("published after the kill", published, heir, bystander);

        var former = published;
        for (var round = 0; round < FaultScale.Of(brief: 1, full: 10); round++)
        {
            former = published;
            await bystander.PostRatingsAsync(users: 1, items: 1);
            published = (await UntilTrainedAsync(bystander)).GetProperty("modelVersion").GetInt64();
            await ServedAsync("published", published, heir, bystander);
        }

        // No more schedule, which would publish over the rollback.
        (await second.StopAsync("TERM")).ShouldBe(0, second.Output);
        using var fourth = New(("Training:Enabled", "false"));
        using var another = await fourth.ClientAsync();
        await another.PostJsonAsync($"/v1/models/{former}/activate", new { });
        await ServedAsync("rolled back", former, another, bystander);
        (await third.StopAsync("TERM")).ShouldBe(0, third.Output);
        (await fourth.StopAsync("TERM")).ShouldBe(0, fourth.Output);
    }

    /// <summary>Waits until a model is served by all, and tells how long after the moment of the call.</summary>
    private async Task ServedAsync(string what, long version, params HttpClient[] replicas)
    {
        var start = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(
            replicas.Select(async replica =>
            {
                // A later one may be out already.
                await UntilAsync(
                    () => replica.PostJsonAsync("/v1/recommendations", new { count = 1 }),
                    answer =>
                        answer.GetProperty("modelVersion") is { ValueKind: JsonValueKind.Number } served
                        && (what == "rolled back" ? served.GetInt64() == version : served.GetInt64() >= version)
                );
                return Stopwatch.GetElapsedTime(start);
            })
        );
        output.WriteLine($"model {version} {what}: served by all within {times.Max().TotalMilliseconds:F0} ms");
        times.Max().ShouldBeLessThan(TimeSpan.FromSeconds(5));
    }

    /// <summary>Trains when no scheduled run is going on.</summary>
    private static async Task<JsonElement> UntilTrainedAsync(HttpClient client)
    {
        while (true)
        {
            using var answer = await client.PostAsync(new Uri("/v1/training-runs", UriKind.Relative), content: null);
            if (answer.IsSuccessStatusCode)
            {
                var run = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("runId").GetInt64();
                return await client.EndOfRunAsync(run);
            }

            await Task.Delay(50);
        }
    }

    private static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> condition)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (true)
        {
            var answer = await ask();
            if (condition(answer))
            {
                return answer;
            }

            await Task.Delay(20, limit.Token);
        }
    }

    private ServiceProcess New(params (string Key, string? Value)[] settings) =>
        new([
            ("ConnectionStrings:RecService", database.ConnectionString),
            ("Training:Objective", "Rating"),
            ("Training:Holdout", "None"),
            .. settings,
        ]);
}
