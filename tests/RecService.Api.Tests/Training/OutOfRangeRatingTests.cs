using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>What becomes of values that cannot be meant, where values are what is predicted.</summary>
public sealed class OutOfRangeRatingTests(OutOfRangeRatingTests.Service service) : IClassFixture<OutOfRangeRatingTests.Service>
{
    [Fact]
    public async Task One_rating_of_1000_among_ratings_of_1_to_5_is_dropped_and_does_not_take_the_place_of_the_one_before()
    {
        await service.Client.PostRatingsAsync(users: 20, items: 10);
        await PostAsync("u0", "i4", "rating", 1_000);
        // A type whose values have bounds in the settings, which spell it their way, and one whose values do not matter.
        await PostAsync("u1", "i0", "stars", 0);
        await PostAsync("u1", "i1", "stars", 5.5);
        await PostAsync("u1", "i2", "stars", 5);
        await PostAsync("u2", "i3", "purchase", 1e9);

        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        var rows = run.GetProperty("rows");
        rows.GetProperty("dropped").GetProperty("value-out-of-range").GetInt32().ShouldBe(3);
        rows.GetProperty("used").GetInt32().ShouldBe(200);
        rows.GetProperty("valueRanges").GetProperty("rating").GetProperty("maximum").GetDouble().ShouldBeInRange(5, 100);
        var stars = rows.GetProperty("valueRanges").GetProperty("Stars");
        stars.GetProperty("minimum").GetDouble().ShouldBe(1);
        stars.GetProperty("maximum").GetDouble().ShouldBe(5);
        rows.GetProperty("valueRanges").EnumerateObject().Select(range => range.Name).ShouldBe(["rating", "Stars"], ignoreOrder: true);

        await service.Client.UntilServedAsync(run.GetProperty("modelVersion").GetInt64());
        var scores = await service.Client.PostJsonAsync("/v1/scores", new JsonObject { ["userId"] = "u0", ["itemIds"] = new JsonArray("i4", "i0") });
        scores.GetProperty("items").EnumerateArray().ShouldAllBe(item => item.GetProperty("prediction").GetDouble() <= 5);
        // The rating that the user gave before stands: 5 stars, those of the other 1.
        scores.GetProperty("items")[0].GetProperty("itemId").GetString().ShouldBe("i4");
    }

    private Task PostAsync(string user, string item, string type, double value) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = user,
                        ["itemId"] = item,
                        ["type"] = type,
                        ["value"] = value,
                    }
                ),
            }
        );

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Holdout"] = "none",
                ["Training:Types:Stars:Minimum"] = "1",
                ["Training:Types:Stars:Maximum"] = "5",
                ["Training:Types:purchase:Target"] = "5",
            };
    }
}
