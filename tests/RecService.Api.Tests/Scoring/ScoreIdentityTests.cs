using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

public sealed class ScoreIdentityTests(TrainedService service, ITestOutputHelper output) : IClassFixture<TrainedService>
{
    private const int Requests = 1_000;

    [Fact]
    public async Task A_score_is_bias_linear_and_cross_vector_and_the_sum_of_its_explanation()
    {
        var random = new Random(7);
        var worst = 0.0;
        for (var r = 0; r < Requests; r++)
        {
            var request = TrainedService.RandomRequest(random);
            var itemId = random.Next(20) == 0 ? "unknown-item" : TrainedService.Item(random.Next(TrainedService.Items));
            var row = (JsonObject)request.DeepClone();
            row["itemId"] = itemId;
            request["itemIds"] = new JsonArray(itemId);
            request["include"] = new JsonArray("explanation", "crossVector");

            var scored = (await service.Client.PostJsonAsync("/v1/scores", request)).GetProperty("items")[0];
            var features = (await service.Client.PostJsonAsync("/v1/cross-features", new JsonObject { ["rows"] = new JsonArray(row) })).GetProperty(
                "rows"
            )[0];

            var score = scored.GetProperty("score").GetSingle();
            features.GetProperty("score").GetSingle().ShouldBe(score);
            Numbers(features.GetProperty("crossVector")).ShouldBe(Numbers(scored.GetProperty("crossVector")));
            double[] parts =
            [
                features.GetProperty("bias").GetDouble(),
                features.GetProperty("linear").GetDouble(),
                .. Numbers(features.GetProperty("crossVector")),
            ];
            worst = Math.Max(worst, Deviation(score, parts));
            var explanation = scored.GetProperty("explanation");
            double[] explained =
            [
                explanation.GetProperty("bias").GetDouble(),
                .. explanation.GetProperty("linear").EnumerateArray().Select(p => p.GetProperty("value").GetDouble()),
                .. explanation.GetProperty("pairs").EnumerateArray().Select(p => p.GetProperty("value").GetDouble()),
            ];
            worst = Math.Max(worst, Deviation(score, explained));
        }

        output.WriteLine($"Largest |score − Σ parts| / (1 + Σ|parts|) over {Requests} requests: {worst:E2}");
        worst.ShouldBeLessThan(1e-5);
    }

    [Fact]
    public async Task Recommendations_equal_a_ranking_of_all_items_by_their_scores()
    {
        var random = new Random(11);
        for (var r = 0; r < 100; r++)
        {
            var request = TrainedService.RandomRequest(random);
            var scores = (JsonObject)request.DeepClone();
            scores["itemIds"] = new JsonArray([.. Enumerable.Range(0, TrainedService.Items).Select(i => (JsonNode)TrainedService.Item(i))]);
            request["count"] = 20;
            request["filter"] = new JsonObject { ["excludeSeen"] = false };

            var recommended = await service.Client.PostJsonAsync("/v1/recommendations", request);
            var ranked = await service.Client.PostJsonAsync("/v1/scores", scores);

            recommended.GetProperty("source").GetString().ShouldBe("model");
            recommended.GetProperty("modelVersion").GetInt64().ShouldBe(service.ModelVersion);
            Ranking(recommended).ShouldBe(Ranking(ranked).Take(20));
        }
    }

    private static List<(int Rank, string? ItemId, float Score, float Prediction)> Ranking(JsonElement answer) =>
        [
            .. answer
                .GetProperty("items")
                .EnumerateArray()
                .Select(i =>
                    (
                        i.GetProperty("rank").GetInt32(),
                        i.GetProperty("itemId").GetString(),
                        i.GetProperty("score").GetSingle(),
                        i.GetProperty("prediction").GetSingle()
                    )
                ),
        ];

    private static double Deviation(double score, double[] parts) => Math.Abs(score - parts.Sum()) / (1 + parts.Sum(Math.Abs));

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(n => n.GetDouble())];
}
