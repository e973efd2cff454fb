using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class OnDemandTests(OnDemandTests.Service service) : IClassFixture<OnDemandTests.Service>
{
    [Fact]
    public async Task A_run_tells_losses_rows_metrics_and_its_model()
    {
        await service.Client.PostRatingsAsync(users: 20, items: 15);
        await service.Client.PostRatingsAsync(users: 2, items: 3, type: "unheard-of");

        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded");
        run.GetProperty("trigger").GetString().ShouldBe("demand");
        run.GetProperty("rows").GetProperty("used").GetInt32().ShouldBe(300);
        run.GetProperty("rows").GetProperty("dropped").GetProperty("type-not-mapped:unheard-of").GetInt32().ShouldBe(6);
        var epochs = run.GetProperty("epochs").EnumerateArray().ToList();
        var best = run.GetProperty("bestEpoch").GetInt32();
        epochs.Count(e => e.GetProperty("phase").GetString() == "refit").ShouldBe(best);
        epochs
            .Where(e => e.GetProperty("phase").GetString() == "fit")
            .MinBy(e => e.GetProperty("holdoutLoss").GetDouble())
            .GetProperty("epoch")
            .GetInt32()
            .ShouldBe(best);
        var metrics = run.GetProperty("metrics");
        Math.Pow(metrics.GetProperty("rmse").GetDouble(), 2).ShouldBe(epochs[best - 1].GetProperty("holdoutLoss").GetDouble(), 1e-4);
        metrics.GetProperty("mae").GetDouble().ShouldBeLessThanOrEqualTo(metrics.GetProperty("rmse").GetDouble());
        metrics.GetProperty("hitRate10").GetDouble().ShouldBeInRange(0, 1);
        var model = await service.Client.GetJsonAsync($"/v1/models/{run.GetProperty("modelVersion").GetInt64()}");
        model.GetProperty("runId").GetInt64().ShouldBe(run.GetProperty("runId").GetInt64());
        model.GetProperty("metrics").GetProperty("rmse").GetDouble().ShouldBe(metrics.GetProperty("rmse").GetDouble());
    }

    [Fact]
    public async Task The_same_data_and_seed_give_the_same_model()
    {
        await service.Client.PostRatingsAsync(users: 20, items: 15);

        var first = await ModelFileAsync(await service.Client.TrainAsync());
        var second = await ModelFileAsync(await service.Client.TrainAsync());

        first.Length.ShouldBeGreaterThan(1000);
        second.ShouldBe(first);
    }

    [Fact]
    public async Task Events_tell_every_epoch_and_then_the_end()
    {
        await service.Client.PostRatingsAsync(users: 10, items: 15);
        var started = await service.Client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted);
        var runId = started.GetProperty("runId").GetInt64();

        var events = (await service.Client.GetStringAsync(new Uri($"/v1/training-runs/{runId}/events", UriKind.Relative))).Split(
            "\n\n",
            StringSplitOptions.RemoveEmptyEntries
        );

        var run = await service.Client.GetJsonAsync($"/v1/training-runs/{runId}");
        events.Count(e => e.StartsWith("event: epoch", StringComparison.Ordinal)).ShouldBe(run.GetProperty("epochs").GetArrayLength());
        events[^1].ShouldStartWith("event: finished");
        JsonDocument.Parse(events[^1].Split("data: ")[1]).RootElement.GetProperty("status").GetString().ShouldBe("succeeded");
    }

    [Fact]
    public async Task Who_watches_a_run_that_starts_again_sees_its_epochs_from_the_first_on()
    {
        // A run of another process, which records what this test says.
        var runId = await service.ScalarAsync<long>(
            """
            INSERT INTO training_runs (status, trigger, objective, started_at, seed, settings, epochs)
            VALUES ('running', 'demand', 'rating', now(), 1, '{}', '[{"epoch": 1, "phase": "fit", "trainLoss": 1, "seconds": 0}, {"epoch": 2, "phase": "fit", "trainLoss": 2, "seconds": 0}]')
            RETURNING run_id
            """
        );
        using var answer = await service.Client.GetAsync(
            new Uri($"/v1/training-runs/{runId}/events", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead
        );
        using var events = new StreamReader(await answer.Content.ReadAsStreamAsync());
        (await NextAsync()).GetProperty("trainLoss").GetDouble().ShouldBe(1);
        (await NextAsync()).GetProperty("trainLoss").GetDouble().ShouldBe(2);

        await service.ScalarAsync<long>(
            """UPDATE training_runs SET epochs = '[{"epoch": 1, "phase": "fit", "trainLoss": 3, "seconds": 0}]' WHERE run_id = $1 RETURNING run_id""",
            runId
        );
        (await NextAsync()).GetProperty("trainLoss").GetDouble().ShouldBe(3);

        await service.ScalarAsync<long>(
            "UPDATE training_runs SET status = 'failed', finished_at = now(), error = 'x' WHERE run_id = $1 RETURNING run_id",
            runId
        );
        (await NextAsync()).GetProperty("status").GetString().ShouldBe("failed");

        async Task<JsonElement> NextAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (true)
            {
                var line = (await events.ReadLineAsync(limit.Token)).ShouldNotBeNull();
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    return JsonDocument.Parse(line[6..]).RootElement;
                }
            }
        }
    }

    [Fact]
    public async Task Unknown_runs_and_wrong_cursors_are_told()
    {
        await service.Client.GetJsonAsync("/v1/training-runs/999999", HttpStatusCode.NotFound);
        await service.Client.GetJsonAsync("/v1/training-runs/999999/events", HttpStatusCode.NotFound);
        (await service.Client.GetJsonAsync("/v1/training-runs?cursor=x", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["cursor"]);
        (await service.Client.GetJsonAsync("/v1/training-runs?limit=0", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["limit"]);
    }

    private Task<byte[]> ModelFileAsync(JsonElement run) =>
        service.Client.GetByteArrayAsync(new Uri($"/v1/models/{run.GetProperty("modelVersion").GetInt64()}/export", UriKind.Relative));

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "6",
            };
    }
}
