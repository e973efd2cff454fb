using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Scoring;

public sealed class PinnedModelTests(PinnedModelTests.Service service) : IClassFixture<PinnedModelTests.Service>
{
    [Fact]
    public async Task A_pinned_model_goes_by_its_own_columns_when_the_catalogue_has_others()
    {
        for (var i = 0; i < 10; i++)
        {
            await service.Client.PutJsonAsync($"/v1/items/i{i}", new { tags = new[] { $"tag{i % 3}" } }, HttpStatusCode.Created);
        }

        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var pinned = await TrainAsync();
        var scores = await ScoresAsync(pinned);
        var vectors = await VectorsAsync(pinned);
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{pinned}/pin", "", expected: HttpStatusCode.NoContent);

        // Their ids and tags come first, so that all items have other columns in the next model.
        for (var i = 0; i < 4; i++)
        {
            await service.Client.PutJsonAsync($"/v1/items/a{i}", new { tags = new[] { "early" } }, HttpStatusCode.Created);
        }

        await service.Client.PostRatingsAsync(users: 12, items: 11);
        var served = await TrainAsync();

        (await ScoresAsync(pinned)).ShouldBe(scores);
        (await VectorsAsync(pinned)).ShouldBe(vectors);
        (await ScoresAsync(served)).ShouldNotBe(scores);
    }

    private async Task<long> TrainAsync()
    {
        var run = await service.Client.TrainAsync();
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await service.Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
        return run.GetProperty("modelVersion").GetInt64();
    }

    private async Task<string> ScoresAsync(long version)
    {
        var request = new JsonObject
        {
            ["modelVersion"] = version,
            ["userId"] = "u1",
            ["itemIds"] = new JsonArray([.. Enumerable.Range(0, 10).Select(i => (JsonNode)$"i{i}")]),
        };
        return (await service.Client.PostJsonAsync("/v1/scores", request)).GetProperty("items").ToString();
    }

    private async Task<string> VectorsAsync(long version)
    {
        var request = new JsonObject
        {
            ["modelVersion"] = version,
            ["rows"] = new JsonArray([.. Enumerable.Range(0, 10).Select(i => new JsonObject { ["userId"] = "u1", ["itemId"] = $"i{i}" })]),
        };
        return (await service.Client.PostJsonAsync("/v1/cross-features", request)).GetProperty("rows").ToString();
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
