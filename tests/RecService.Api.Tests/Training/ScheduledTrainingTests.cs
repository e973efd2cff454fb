using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class ScheduledTrainingTests(ScheduledTrainingTests.Service service) : IClassFixture<ScheduledTrainingTests.Service>
{
    private static readonly TimeSpan SeveralIntervals = TimeSpan.FromSeconds(3.5);

    [Fact]
    public async Task Runs_follow_changes_of_whatever_kind_and_nothing_else()
    {
        await Task.Delay(SeveralIntervals);
        (await service.Client.RunsAsync()).ShouldBeEmpty("there was nothing to train on");

        await service.Client.PostRatingsAsync(users: 10, items: 10, type: "view");
        (await NextRunAsync(after: 0)).GetProperty("trigger").GetString().ShouldBe("schedule");
        await Task.Delay(SeveralIntervals);
        var runs = await service.Client.RunsAsync();
        runs.Count.ShouldBeLessThanOrEqualTo(2, "nothing changed after the data were in");
        var last = runs[0].GetProperty("runId").GetInt64();

        // Changes past the API count as well, and so do those that leave the number of rows and the newest time as they were.
        foreach (
            var sql in new[]
            {
                "DELETE FROM interactions WHERE interaction_key = (SELECT min(interaction_key) FROM interactions) RETURNING 1::bigint",
                "UPDATE items SET tags = '{x}' WHERE item_id = 'i3' RETURNING 1::bigint",
                "UPDATE users SET attributes = '{\"age\": 3}' WHERE user_id = 'u3' RETURNING 1::bigint",
            }
        )
        {
            await service.ScalarAsync<long>(sql);
            var run = await NextRunAsync(last);
            run.GetProperty("status").GetString().ShouldBe("succeeded");
            last = run.GetProperty("runId").GetInt64();
        }

        await Task.Delay(SeveralIntervals);
        (await service.Client.RunsAsync())[0].GetProperty("runId").GetInt64().ShouldBe(last);
    }

    private async Task<JsonElement> NextRunAsync(long after)
    {
        for (var attempt = 0; attempt < 300; attempt++)
        {
            if (
                (await service.Client.RunsAsync()).FirstOrDefault() is { ValueKind: JsonValueKind.Object } run
                && run.GetProperty("runId").GetInt64() > after
            )
            {
                return await service.Client.EndOfRunAsync(run.GetProperty("runId").GetInt64());
            }

            await Task.Delay(100);
        }

        throw new TimeoutException($"No run came after {after}.");
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Interval"] = "00:00:01", ["Training:Epochs"] = "2" };
    }
}
