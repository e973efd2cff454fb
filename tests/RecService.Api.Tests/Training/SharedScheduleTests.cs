using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>Several processes that follow one schedule.</summary>
public sealed class SharedScheduleTests(DatabaseServer server) : IAsyncLifetime
{
    private string _connectionString = "";

    public async ValueTask InitializeAsync() => _connectionString = await server.CreateDatabaseAsync();

    public async ValueTask DisposeAsync() => await server.DropDatabaseAsync(_connectionString);

    [Theory]
    [InlineData("Training:Interval", "00:00:02")]
    [InlineData("Training:Schedule", "0/2 * * * * ?")]
    public async Task Two_processes_train_no_more_often_than_one(string setting, string value)
    {
        await using var first = New(setting, value);
        using var client = first.CreateClient();
        await using var second = New(setting, value);
        using var another = second.CreateClient();

        List<JsonElement> runs;
        for (var round = 0; (runs = await another.RunsAsync()).Count < 4; round++)
        {
            // There is always something new to learn.
            await client.PostRatingsAsync(users: 3, items: 1 + (round % 100));
            await Task.Delay(50);
        }

        var starts = runs.Select(run => run.GetProperty("startedAt").GetDateTimeOffset()).Reverse().ToList();
        var turns = setting == "Training:Interval"
            ? starts.Zip(starts.Skip(1), (former, next) => next - former).Select(pause => pause >= TimeSpan.FromSeconds(2))
            : starts.Select(start => start.ToUnixTimeSeconds() / 2).Zip(starts.Skip(1).Select(start => start.ToUnixTimeSeconds() / 2), (former, next) => next > former);
        turns.ShouldAllBe(ofItsOwn => ofItsOwn, string.Join(", ", starts.Select(start => start.ToString("O"))));
    }

    [Fact]
    public async Task A_run_that_was_cut_off_is_tried_again_long_before_the_next_turn()
    {
        await using var service = New("Training:Interval", "01:00:00");
        using var client = service.CreateClient();
        long cutOff;
        await using (var run = await HeldRun.StartAsync(_connectionString, client))
        {
            cutOff = run.RunId;
            await run.BreakLockAsync();
            (await client.EndOfRunAsync(cutOff)).GetProperty("status").GetString().ShouldBe("failed");
        }

        (await RunAfterAsync(client, cutOff)).GetProperty("status").GetString().ShouldBe("succeeded");
    }

    [Fact]
    public async Task When_the_process_that_trains_is_stopped_another_one_trains_long_before_its_next_turn()
    {
        await using var first = New("Training:Interval", "01:00:00");
        using var client = first.CreateClient();
        await using var run = await HeldRun.StartAsync(_connectionString, client);
        await using var second = New("Training:Interval", "01:00:00");
        using var heir = second.CreateClient();

        await first.DisposeAsync();
        await run.LetGoAsync();

        var stopped = await heir.EndOfRunAsync(run.RunId);
        stopped.GetProperty("status").GetString().ShouldBe("cancelled");
        stopped.GetProperty("error").GetString()!.ShouldContain("service was stopped");
        (await RunAfterAsync(heir, run.RunId)).GetProperty("status").GetString().ShouldBe("succeeded");
    }

    private static async Task<JsonElement> RunAfterAsync(HttpClient client, long runId)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while ((await client.RunsAsync())[0].GetProperty("runId").GetInt64() == runId)
        {
            await Task.Delay(50, limit.Token);
        }

        return await client.EndOfRunAsync((await client.RunsAsync())[0].GetProperty("runId").GetInt64());
    }

    private RecServiceFactory New(string setting, string value) => new(
        _connectionString,
        new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Objective"] = "rating", ["Training:Epochs"] = "2", [setting] = value });
}
