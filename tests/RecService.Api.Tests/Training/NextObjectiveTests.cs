using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class NextObjectiveTests(NextObjectiveTests.Service service) : IClassFixture<NextObjectiveTests.Service>
{
    [Fact]
    public async Task What_users_do_one_after_the_other_trains_a_ranking_that_beats_popularity()
    {
        // Users go from an item to the one after the next, round and round: half of them along the even ones.
        var random = new Random(5);
        var interactions = new JsonArray();
        for (var u = 0; u < 150; u++)
        {
            var item = random.Next(40);
            for (var n = 0; n < 12; n++)
            {
                interactions.Add(
                    new JsonObject
                    {
                        ["userId"] = $"u{u}",
                        ["itemId"] = $"i{item}",
                        ["type"] = random.Next(3) == 0 ? "purchase" : "view",
                        ["occurredAt"] = $"2026-01-01T10:{n:D2}:00Z",
                    }
                );
                item = (item + 2) % 40;
            }
        }

        interactions.Add(
            new JsonObject
            {
                ["userId"] = "u1",
                ["itemId"] = "i1",
                ["type"] = "rating",
                ["value"] = 1,
            }
        );
        await service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        run.GetProperty("objective").GetString().ShouldBe("next");
        var settings = run.GetProperty("settings");
        settings.GetProperty("holdout").GetString().ShouldBe("newestOfUsers");
        settings.GetProperty("factors").GetInt32().ShouldBe(8);
        settings.GetProperty("historyLength").GetInt32().ShouldBe(50);
        settings.GetProperty("userIds").GetBoolean().ShouldBeFalse();
        run.GetProperty("rows").GetProperty("used").GetInt32().ShouldBe(1800);
        run.GetProperty("rows").GetProperty("dropped").GetProperty("below-positive-threshold").GetInt32().ShouldBe(1);
        run.GetProperty("epochs")[0].GetProperty("holdoutLoss").ValueKind.ShouldBe(JsonValueKind.Number);
        var epochs = run.GetProperty("epochs").EnumerateArray().ToLookup(epoch => epoch.GetProperty("phase").GetString());
        double? merit = null;
        var merits = epochs["fit"]
            .Select(epoch => epoch.GetProperty("holdoutNdcg").GetDouble())
            .Select(ndcg => (double)(merit = merit is null ? ndcg : (0.7 * merit) + (0.3 * ndcg)))
            .ToList();
        run.GetProperty("bestEpoch").GetInt32().ShouldBe(merits.IndexOf(merits.Max()) + 1);
        epochs["fit"].ShouldAllBe(epoch => epoch.GetProperty("holdoutNdcg10").GetDouble() <= epoch.GetProperty("holdoutHitRate10").GetDouble());
        epochs["refit"].ShouldAllBe(epoch => epoch.GetProperty("holdoutNdcg").ValueKind == JsonValueKind.Null);
        var metrics = run.GetProperty("metrics");
        metrics.GetProperty("holdoutRows").GetInt32().ShouldBeInRange(10, 60);
        metrics.GetProperty("rankedPairs").GetInt32().ShouldBe(metrics.GetProperty("holdoutRows").GetInt32());
        metrics.GetProperty("hitRate10").GetDouble().ShouldBeGreaterThan(1.3 * metrics.GetProperty("popularityHitRate10").GetDouble());
        metrics.GetProperty("ndcg10").GetDouble().ShouldBeGreaterThan(1.3 * metrics.GetProperty("popularityNdcg10").GetDouble());
        metrics.GetProperty("auc").ValueKind.ShouldBe(JsonValueKind.Null);
        var model = await service.Client.GetJsonAsync($"/v1/models/{run.GetProperty("modelVersion").GetInt64()}");
        model.GetProperty("objective").GetString().ShouldBe("next");
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Next",
                ["Training:Factors"] = "8",
                ["Training:HistoryLength"] = "50",
                ["Training:HoldoutShare"] = "0.2",
            };
    }
}
