using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class FailedRunTests(FailedRunTests.Service service) : IClassFixture<FailedRunTests.Service>
{
    [Fact]
    public async Task A_run_that_fails_is_recorded_with_its_reason_and_leaves_what_is_served()
    {
        await service.Client.PostRatingsAsync(users: 10, items: 10);
        var good = await service.Client.TrainAsync();
        good.GetProperty("status").GetString().ShouldBe("succeeded", good.ToString());

        // Views have no value, so the objective finds nothing to learn from.
        await service.Client.DeleteJsonAsync("/v1/interactions?type=rating");
        await service.Client.PostRatingsAsync(users: 2, items: 2, type: "view-without-meaning");
        var bad = await service.Client.TrainAsync();
        bad.GetProperty("status").GetString().ShouldBe("failed", bad.ToString());
        bad.GetProperty("error").GetString()!.ShouldContain("No interaction is usable");
        bad.GetProperty("rows").GetProperty("dropped").GetProperty("type-not-mapped:view-without-meaning").GetInt32().ShouldBe(4);
        (await ServedVersionAsync()).ShouldBe(good.GetProperty("modelVersion").GetInt64());

        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("failed");
        await UntilReadyTellsAsync("Degraded", "The last run failed. Failed since the last one that succeeded: 2.");

        await service.Client.DeleteJsonAsync("/v1/interactions?type=view-without-meaning");
        await service.Client.PostRatingsAsync(users: 10, items: 10);
        var again = await service.Client.TrainAsync();
        again.GetProperty("status").GetString().ShouldBe("succeeded", again.ToString());
        (await ServedVersionAsync()).ShouldBe(again.GetProperty("modelVersion").GetInt64());
        await UntilReadyTellsAsync("Healthy", "The last run succeeded.");
    }

    /// <summary>The answer stays the same for a second, and is 200 in any case: an old model serves.</summary>
    private async Task UntilReadyTellsAsync(string status, string description)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        JsonElement training;
        while (
            (training = (await service.Client.GetJsonAsync("/health/ready")).GetProperty("checks").GetProperty("training"))
                .GetProperty("status")
                .GetString() != status
        )
        {
            await Task.Delay(100, limit.Token);
        }

        training.GetProperty("description").GetString().ShouldBe(description);
    }

    private async Task<long?> ServedVersionAsync()
    {
        await service.Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
        return
            (await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject())).GetProperty("modelVersion")
                is { ValueKind: JsonValueKind.Number } version
            ? version.GetInt64()
            : null;
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "3",
            };
    }
}
