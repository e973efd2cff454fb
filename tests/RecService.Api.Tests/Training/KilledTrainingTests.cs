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
            while ((await client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("epochs").GetArrayLength() == 0)
            {
                await Task.Delay(20);
            }

            for (; acknowledged < 20; acknowledged++)
            {
                await client.PostJsonAsync("/v1/interactions", new JsonObject
                {
                    ["interactions"] = new JsonArray(new JsonObject { ["userId"] = "beside", ["itemId"] = $"i{acknowledged}", ["type"] = "view" }),
                });
            }

            (await client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("status").GetString().ShouldBe("running");
            await service.KillAsync();
        }

        using (var service = New(("Training:Epochs", "2")))
        {
            using var client = await service.ClientAsync();
            (await client.GetJsonAsync("/v1/interactions?userId=beside&limit=1000")).GetProperty("interactions").GetArrayLength().ShouldBe(acknowledged);
            (await client.GetJsonAsync("/v1/models")).GetProperty("models").GetArrayLength().ShouldBe(0);

            var next = await client.TrainAsync();
            next.GetProperty("status").GetString().ShouldBe("succeeded", next.ToString());
            var killed = await client.GetJsonAsync($"/v1/training-runs/{runId}");
            killed.GetProperty("status").GetString().ShouldBe("failed");
            killed.GetProperty("error").GetString()!.ShouldContain("process ended");
            killed.GetProperty("modelVersion").ValueKind.ShouldBe(JsonValueKind.Null);
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        }

        EmbeddedPostgresTests.Processes(_directory).ShouldBeEmpty();
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private ServiceProcess New(params (string Key, string Value)[] settings) =>
        new([("Database:DataDirectory", _directory), ("Training:Enabled", "false"), ("Training:Objective", "Rating"), .. settings]);
}
