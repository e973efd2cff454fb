using System.Net;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Publishing;

public sealed class PinnedErasureTests(PinnedErasureTests.Service service) : IClassFixture<PinnedErasureTests.Service>
{
    [Fact]
    public async Task A_pinned_model_in_memory_forgets_an_erased_user_who_then_comes_back_as_a_new_one()
    {
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var pinned = (await service.Client.TrainAsync()).GetProperty("modelVersion").GetInt64();
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{pinned}/pin", "", expected: HttpStatusCode.NoContent);
        (await service.Client.TrainAsync()).GetProperty("modelVersion").GetInt64().ShouldNotBe(pinned);
        await service.Client.PutJsonAsync("/v1/users/newcomer", new { }, HttpStatusCode.Created);
        var ofNobody = await ScoresAsync(pinned, "newcomer");
        (await ScoresAsync(pinned, "u1")).ShouldNotBe(ofNobody);

        await service.Client.DeleteJsonAsync("/v1/users/u1");
        await UntilConfirmedAsync();
        await service.Client.PutJsonAsync("/v1/users/u1", new { }, HttpStatusCode.Created);

        (await ScoresAsync(pinned, "u1")).ShouldBe(ofNobody);
    }

    /// <summary>Waits until the process says that it has followed the erasure.</summary>
    private async Task UntilConfirmedAsync()
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!await service.ScalarAsync<bool>("SELECT min(erasure_horizon) >= (SELECT max(erasure_id) FROM erased_users) FROM replicas"))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task<string> ScoresAsync(long version, string userId)
    {
        var request = new JsonObject
        {
            ["modelVersion"] = version,
            ["userId"] = userId,
            ["itemIds"] = new JsonArray([.. Enumerable.Range(0, 10).Select(i => (JsonNode)$"i{i}")]),
        };
        return (await service.Client.PostJsonAsync("/v1/scores", request)).GetProperty("items").ToString();
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
