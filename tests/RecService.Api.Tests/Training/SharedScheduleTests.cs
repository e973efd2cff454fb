using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

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

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        List<JsonElement> runs;
        for (var round = 0; (runs = await another.RunsAsync()).Count < 4; round++)
        {
            // There is always something new to learn.
            await client.PostRatingsAsync(users: 3, items: 1 + (round % 100));
            await Task.Delay(50, limit.Token);
        }

        var starts = runs.Select(run => run.GetProperty("startedAt").GetDateTimeOffset()).Reverse().ToList();
        var turns =
            setting == "Training:Interval"
                ? starts.Zip(starts.Skip(1), (former, next) => next - former).Select(pause => pause >= TimeSpan.FromSeconds(2))
                : starts
                    .Select(start => start.ToUnixTimeSeconds() / 2)
                    .Zip(starts.Skip(1).Select(start => start.ToUnixTimeSeconds() / 2), (former, next) => next > former);
        turns.ShouldAllBe(ofItsOwn => ofItsOwn, string.Join(", ", starts.Select(start => start.ToString("O"))));
    }

    [Fact]
    public async Task A_turn_that_another_process_has_served_before_this_one_took_the_lock_is_not_served_again()
    {
        const long key = 0x526563547261696E;
        await using var another = await OpenAsync();
        await another.ExecuteAsync("SELECT pg_advisory_lock($1)", CancellationToken.None, key);
        await using var service = New("Training:Interval", "01:00:00");
        using var client = service.CreateClient();
        await client.PostRatingsAsync(users: 3, items: 3);

        // The process takes the lock because it has seen no run, and is held up by the table before it looks again.
        await another.ExecuteAsync("BEGIN; LOCK TABLE training_runs IN EXCLUSIVE MODE", CancellationToken.None);
        await another.ExecuteAsync("SELECT pg_advisory_unlock($1)", CancellationToken.None, key);
        await another.UntilAwaitedAsync("training_runs");
        await another.ExecuteAsync(
            """
            INSERT INTO training_runs (status, trigger, objective, started_at, finished_at, seed, settings, epochs)
            VALUES ('succeeded', 'schedule', 'rating', now(), now(), 0, '{}', '[]');
            COMMIT
            """,
            CancellationToken.None
        );

        // Its turn is over when it lets go of the lock.
        using var limit = new CancellationTokenSource(Backstop.Limit);
        await another.ExecuteAsync("SELECT pg_advisory_lock($1)", limit.Token, key);
        (await client.RunsAsync()).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_schedule_that_could_not_be_followed_is_followed_again_as_soon_as_its_next_run_has_begun()
    {
        await using var service = New("Training:Interval", "00:00:01");
        using var client = service.CreateClient();
        var scheduler = service.Services.GetRequiredService<RunScheduler>();
        await using var holder = await OpenAsync();
        await holder.ExecuteAsync("ALTER TABLE interactions RENAME TO gone", CancellationToken.None);
        await UntilAsync(() => scheduler.ScheduleFails);

        await holder.ExecuteAsync("ALTER TABLE gone RENAME TO interactions", CancellationToken.None);
        await holder.ExecuteAsync("BEGIN; LOCK TABLE active_model IN EXCLUSIVE MODE", CancellationToken.None);
        await client.PostRatingsAsync(users: 3, items: 3);
        await holder.UntilAwaitedAsync("active_model");

        await UntilAsync(() => !scheduler.ScheduleFails);
        (await client.RunsAsync()).ShouldHaveSingleItem().GetProperty("status").GetString().ShouldBe("running");
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
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while ((await client.RunsAsync())[0].GetProperty("runId").GetInt64() == runId)
        {
            await Task.Delay(50, limit.Token);
        }

        return await client.EndOfRunAsync((await client.RunsAsync())[0].GetProperty("runId").GetInt64());
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!condition())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private RecServiceFactory New(string setting, string value) =>
        new(
            _connectionString,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
                // What a run stores waits for its test, however busy the machine is.
                ["Database:CommandTimeout"] = "00:05:00",
                [setting] = value,
            }
        );
}
