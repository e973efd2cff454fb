using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class OneRunAtATimeTests(OneRunAtATimeTests.Service service) : IClassFixture<OneRunAtATimeTests.Service>
{
    [Fact]
    public async Task A_second_request_gets_the_address_of_the_running_one_until_that_is_cancelled()
    {
        await service.Client.PostRatingsAsync(users: 40, items: 50);
        using var started = await service.Client.PostAsync(new Uri("/v1/training-runs", UriKind.Relative), content: null);
        started.StatusCode.ShouldBe(HttpStatusCode.Accepted);

        using var refused = await service.Client.PostAsync(new Uri("/v1/training-runs", UriKind.Relative), content: null);
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        refused.Headers.Location.ShouldBe(started.Headers.Location);
        (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString().ShouldBe("/problems/training-run-going-on");

        var runId = (await started.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("runId").GetInt64();
        await service.Client.PostJsonAsync($"/v1/training-runs/{runId}/cancel", new JsonObject(), HttpStatusCode.Accepted);
        var ended = await service.Client.EndOfRunAsync(runId);
        ended.GetProperty("status").GetString().ShouldBe("cancelled");
        ended.GetProperty("modelVersion").ValueKind.ShouldBe(JsonValueKind.Null);
        (await service.Client.GetJsonAsync("/v1/models")).GetProperty("models").GetArrayLength().ShouldBe(0);

        await service.Client.PostJsonAsync($"/v1/training-runs/{runId}/cancel", new JsonObject());
        var next = await service.Client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted);
        await service.Client.PostJsonAsync(
            $"/v1/training-runs/{next.GetProperty("runId").GetInt64()}/cancel",
            new JsonObject(),
            HttpStatusCode.Accepted
        );
        await service.Client.EndOfRunAsync(next.GetProperty("runId").GetInt64());
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        // Long enough to be running while the test looks: 20 million steps.
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Holdout"] = "none",
                ["Training:Epochs"] = "10000",
            };
    }
}
