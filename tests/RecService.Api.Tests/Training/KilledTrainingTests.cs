using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Storage;

namespace RecService.Api.Tests.Training;

public sealed class KilledTrainingTests : IDisposable
{
    private readonly string _directory = TemporaryDirectory.NewPath();

    [Fact]
    public async Task Killed_in_the_middle_of_a_run_the_service_keeps_what_it_acknowledged_and_trains_again()
    {
        long runId;
        var acknowledged = 0;
        using (var service = New(("Training:Holdout", "None"), ("Training:Epochs", "10000")))
        {
            using var client = await service.ClientAsync();
            await client.PostRatingsAsync(users: 60, items: 60);
            runId = (await client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted)).GetProperty("runId").GetInt64();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while ((await client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("epochs").GetArrayLength() == 0)
            {
                await Task.Delay(20, limit.Token);
            }

            for (; acknowledged < 20; acknowledged++)
            {
                await client.PostJsonAsync(
                    "/v1/interactions",
                    new JsonObject
                    {
                        ["interactions"] = new JsonArray(
                            new JsonObject
                            {
                                ["userId"] = "beside",
                                ["itemId"] = $"i{acknowledged}",
                                ["type"] = "view",
                            }
                        ),
                    }
                );
            }

            (await client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("status").GetString().ShouldBe("running");
            await service.KillAsync();
        }

        using (var service = New(("Training:Epochs", "2")))
        {
            using var client = await service.ClientAsync();
            (await client.GetJsonAsync("/v1/interactions?userId=beside&limit=1000"))
                .GetProperty("interactions")
                .GetArrayLength()
                .ShouldBe(acknowledged);
            (await client.GetJsonAsync("/v1/models")).GetProperty("models").GetArrayLength().ShouldBe(0);

            // The start has recorded the end, without waiting for another run.
            var killed = await client.EndOfRunAsync(runId);
            killed.GetProperty("status").GetString().ShouldBe("failed");
            killed.GetProperty("error").GetString()!.ShouldContain("process ended");
            killed.GetProperty("modelVersion").ValueKind.ShouldBe(JsonValueKind.Null);
            var next = await client.TrainAsync();
            next.GetProperty("status").GetString().ShouldBe("succeeded", next.ToString());
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        }

        EmbeddedPostgresTests.Processes(_directory).ShouldBeEmpty();
    }

    [Fact]
    public async Task Told_to_stop_while_a_run_is_watched_the_service_ends_soon_and_records_the_end()
    {
        long runId;
        using (var service = New(("Training:Holdout", "None"), ("Training:Epochs", "10000")))
        {
            using var client = await service.ClientAsync();
            await client.PostRatingsAsync(users: 60, items: 60);
            runId = (await client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted)).GetProperty("runId").GetInt64();
            using var watching = await client.GetAsync(
                new Uri($"/v1/training-runs/{runId}/events", UriKind.Relative),
                HttpCompletionOption.ResponseHeadersRead
            );

            var stopped = service.StopAsync("TERM");

            // The host would wait half a minute for the watcher.
            (await stopped.WaitAsync(Backstop.Limit)).ShouldBe(0, service.Output);
        }

        using (var service = New())
        {
            using var client = await service.ClientAsync();
            (await client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("status").GetString().ShouldBe("cancelled");
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private ServiceProcess New(params (string Key, string Value)[] settings) =>
        new([
            ("Database:Embedded", "true"),
            ("Database:DataDirectory", _directory),
            ("Training:Enabled", "false"),
            ("Training:Objective", "Rating"),
            .. settings,
        ]);
}
