using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class ImplicitObjectiveTests(ImplicitObjectiveTests.Service service) : IClassFixture<ImplicitObjectiveTests.Service>
{
    [Fact]
    public async Task Views_and_purchases_train_a_ranking_that_beats_popularity()
    {
        // Two groups of users with a taste for one half of the items each.
        var random = new Random(5);
        var interactions = new JsonArray();
        for (var u = 0; u < 150; u++)
        {
            foreach (var i in Enumerable.Range(0, 60).Where(i => i % 2 == u % 2).OrderBy(_ => random.Next()).Take(12))
            {
                interactions.Add(
                    new JsonObject
                    {
                        ["userId"] = $"u{u}",
                        ["itemId"] = $"i{i}",
                        ["type"] = random.Next(3) == 0 ? "purchase" : "view",
                    }
                );
                if (random.Next(4) == 0)
                {
                    interactions.Add(
                        new JsonObject
                        {
                            ["userId"] = $"u{u}",
                            ["itemId"] = $"i{i}",
                            ["type"] = "view",
                        }
                    );
                }
            }
        }

        var merged = interactions.Count - 1800;
        await service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        run.GetProperty("rows").GetProperty("used").GetInt32().ShouldBe(1800);
        run.GetProperty("rows").GetProperty("dropped").GetProperty("merged").GetInt32().ShouldBe(merged);
        var metrics = run.GetProperty("metrics");
        metrics.GetProperty("auc").GetDouble().ShouldBeGreaterThan(0.7);
        metrics.GetProperty("logLoss").GetDouble().ShouldBeLessThan(0.5);
        metrics.GetProperty("hitRate10").GetDouble().ShouldBeGreaterThan(1.3 * metrics.GetProperty("popularityHitRate10").GetDouble());
        metrics.TryGetProperty("rmse", out var rmse).ShouldBeTrue();
        rmse.ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false", ["Training:Objective"] = "implicit" };
    }
}
