using System.Net;
using System.Text.Json;
using RecService.Api.Scoring;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Scoring;

/// <summary>Pages before the first model, and what becomes of them with a new one.</summary>
public sealed class PopularityPageTests(PopularityPageTests.Service service) : IClassFixture<PopularityPageTests.Service>
{
    [Fact]
    public async Task Pages_end_a_thousand_items_deep_and_repeat_none_when_popularity_has_changed_and_none_is_left_of_another_model()
    {
        var lines = Enumerable.Range(0, 1_100).Select(i => $$"""{"itemId": "i{{i}}"}""");
        await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", string.Join('\n', lines), "application/x-ndjson");
        await service.Client.PostRatingsAsync(users: 8, items: 8);
        await RefreshAsync();

        var first = await RecommendAsync(400, page: null);
        first.GetProperty("source").GetString().ShouldBe("popularity");
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = Enumerable
                    .Range(0, 20)
                    .Select(u => new
                    {
                        userId = $"v{u}",
                        itemId = "i999",
                        type = "view",
                    }),
            }
        );
        await RefreshAsync();
        var second = await RecommendAsync(400, RecommendationPageTests.NextPage(first));
        var third = await RecommendAsync(400, RecommendationPageTests.NextPage(second));

        RecommendationPageTests.NextPage(third).ShouldBeNull();
        List<string> shown = [.. RecommendationPageTests.Ids(first), .. RecommendationPageTests.Ids(second), .. RecommendationPageTests.Ids(third)];
        shown.ShouldBeUnique();
        shown.Count.ShouldBe(ServedItems.Deepest);
        // What has become the most popular one.
        RecommendationPageTests.Ids(second)[0].ShouldBe("i999");
        third.GetProperty("items")[199].GetProperty("rank").GetInt32().ShouldBe(ServedItems.Deepest);

        var version = (await service.Client.TrainAsync()).GetProperty("modelVersion").GetInt64();
        await service.Client.UntilServedAsync(version);
        var request = new { count = 400, page = RecommendationPageTests.NextPage(first) };
        var gone = await service.Client.PostJsonAsync("/v1/recommendations", request, HttpStatusCode.Gone);
        gone.GetProperty("type").GetString().ShouldBe("/problems/page-gone");
        gone.Errors().Keys.ShouldBe(["page"]);
        var batch = await service.Client.PostJsonAsync("/v1/recommendations/batch", new { requests = new[] { request } });
        batch.GetProperty("answers")[0].GetProperty("problem").GetProperty("status").GetInt32().ShouldBe(410);
        batch.GetProperty("answers")[0].GetProperty("problem").Errors().Keys.ShouldBe(["page"]);
    }

    private Task<JsonElement> RecommendAsync(int count, string? page) =>
        service.Client.PostJsonAsync("/v1/recommendations", new { count, page });

    private Task RefreshAsync() => service.Factory.Services.RefreshAsync();

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Rating",
                ["Training:Epochs"] = "2",
                ["Training:Gate"] = "Off",
            };
    }
}
