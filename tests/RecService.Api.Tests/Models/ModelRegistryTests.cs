using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Models;

public sealed class ModelRegistryTests(DatabaseServer server)
{
    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["Training:Enabled"] = "false",
        ["Training:Objective"] = "rating",
        ["Training:Epochs"] = "3",
        ["Training:KeepModels"] = "2",
        ["Training:KeepRuns"] = "3",
    };

    [Fact]
    public async Task Before_the_first_model_popularity_answers_and_says_so()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 3, items: 4, type: "view");
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = "u9",
                        ["itemId"] = "i2",
                        ["type"] = "view",
                    }
                ),
            }
        );
        await RefreshAsync(service);

        var answer = await RecommendAsync(service);
        answer.GetProperty("source").GetString().ShouldBe("popularity");
        answer.GetProperty("modelVersion").ValueKind.ShouldBe(JsonValueKind.Null);
        answer.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("itemId").GetString()).ShouldBe(["i2", "i0", "i1", "i3"]);
        foreach (var (path, body) in new[] { ("/v1/scores", """{"itemIds": ["i1"]}"""), ("/v1/cross-features", """{"rows": [{}]}""") })
        {
            var problem = await service.Client.PostJsonAsync(path, JsonNode.Parse(body)!, HttpStatusCode.Conflict);
            problem.GetProperty("type").GetString().ShouldBe("/problems/no-model");
        }

        (await service.Client.GetJsonAsync("/health/ready")).GetProperty("status").GetString().ShouldBe("Healthy");
    }

    [Fact]
    public async Task A_restart_changes_no_answer_and_a_rollback_brings_the_former_ones_back()
    {
        string former;
        long formerVersion;
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 20);
        formerVersion = await TrainAsync(service);
        former = await AnswersAsync(service);

        using (var again = new RecServiceFactory(service.ConnectionString, Settings))
        using (var client = again.CreateClient())
        {
            (await AnswersAsync(client)).ShouldBe(former);
        }

        await service.Client.PostRatingsAsync(users: 12, items: 25);
        var newVersion = await TrainAsync(service);
        newVersion.ShouldBeGreaterThan(formerVersion);
        var current = await AnswersAsync(service);
        current.ShouldNotBe(former);

        var activated = await service.Client.PostJsonAsync($"/v1/models/{formerVersion}/activate", new JsonObject());
        activated.GetProperty("active").GetBoolean().ShouldBeTrue();
        (await AnswersAsync(service, items: 20)).ShouldBe(former);
        await service.Client.PostJsonAsync($"/v1/models/{newVersion}/activate", new JsonObject());
        (await AnswersAsync(service)).ShouldBe(current);
    }

    [Fact]
    public async Task A_pinned_version_scores_on_and_others_are_gone()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var first = await TrainAsync(service);
        var request = new JsonObject
        {
            ["modelVersion"] = first,
            ["userId"] = "u1",
            ["itemIds"] = new JsonArray("i1", "i2", "i3"),
        };
        var before = (await service.Client.PostJsonAsync("/v1/scores", request)).ToString();
        (await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{first}/pin", "", expected: HttpStatusCode.NoContent)).ValueKind.ShouldBe(
            JsonValueKind.Undefined
        );
        await service.Client.PostRatingsAsync(users: 5, items: 10, type: "view");
        var second = await TrainAsync(service);
        var third = await TrainAsync(service);
        var fourth = await TrainAsync(service);

        (await service.Client.PostJsonAsync("/v1/scores", request)).ToString().ShouldBe(before);
        request["modelVersion"] = third;
        await service.Client.PostJsonAsync("/v1/scores", request, HttpStatusCode.Gone);
        request["modelVersion"] = 999;
        await service.Client.PostJsonAsync("/v1/scores", request, HttpStatusCode.NotFound);
        request["modelVersion"] = fourth;
        await service.Client.PostJsonAsync("/v1/scores", request);

        // Two models keep their files, beside the pinned one.
        (await service.Client.GetJsonAsync($"/v1/models/{second}")).GetProperty("pruned").GetBoolean().ShouldBeTrue();
        (await service.Client.GetJsonAsync($"/v1/models/{first}")).GetProperty("pruned").GetBoolean().ShouldBeFalse();
        await service.Client.PostJsonAsync($"/v1/models/{second}/activate", new JsonObject(), HttpStatusCode.Gone);
        await service.Client.GetJsonAsync($"/v1/models/{second}/export", HttpStatusCode.Gone);
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{second}/pin", "", expected: HttpStatusCode.Gone);
        (await service.ScalarAsync<long>("SELECT count(DISTINCT version) FROM model_chunks")).ShouldBe(3);

        await service.Client.DeleteJsonAsync($"/v1/models/{first}/pin", HttpStatusCode.NoContent);
        request["modelVersion"] = first;
        await service.Client.PostJsonAsync("/v1/scores", request, HttpStatusCode.Gone);
    }

    [Fact]
    public async Task Records_of_runs_go_when_they_are_old_and_their_models_are_gone()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var first = await TrainAsync(service);
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{first}/pin", "", expected: HttpStatusCode.NoContent);
        for (var run = 2; run <= 7; run++)
        {
            await TrainAsync(service);
        }

        (await service.Client.RunsAsync()).Select(run => run.GetProperty("runId").GetInt64()).ShouldBe([7, 6, 5, 1]);
        (await service.ScalarAsync<long>("SELECT count(DISTINCT version) FROM model_chunks")).ShouldBe(3);

        // A version that a request may name is still told from one that never was.
        (await service.Client.GetJsonAsync($"/v1/models/{first + 1}")).GetProperty("pruned").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task The_version_of_a_run_can_be_used_as_soon_as_the_run_has_ended()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        for (var run = 0; run < 3; run++)
        {
            var version = (await service.Client.TrainAsync()).GetProperty("modelVersion").GetInt64();

            var scores = await service.Client.PostJsonAsync(
                "/v1/scores",
                new JsonObject { ["modelVersion"] = version, ["itemIds"] = new JsonArray("i1") }
            );
            scores.GetProperty("modelVersion").GetInt64().ShouldBe(version);
        }
    }

    [Fact]
    public async Task A_damaged_model_is_never_served()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var first = await TrainAsync(service);
        var second = await TrainAsync(service);
        var answers = await AnswersAsync(service);
        await service.ScalarAsync<int>(
            "UPDATE model_chunks SET data = set_byte(data, length(data) / 2, 255 - get_byte(data, length(data) / 2)) WHERE version = $1 RETURNING 1",
            first
        );

        var problem = await service.Client.PostJsonAsync($"/v1/models/{first}/activate", new JsonObject(), HttpStatusCode.Conflict);
        problem.GetProperty("type").GetString().ShouldBe("/problems/model-unusable");
        (await service.Client.GetJsonAsync($"/v1/models/{second}")).GetProperty("active").GetBoolean().ShouldBeTrue();

        // Another process may activate it all the same: the old snapshot stays.
        await service.ScalarAsync<long>("UPDATE active_model SET version = $1 RETURNING version", first);
        await RefreshAsync(service);
        (await AnswersAsync(service)).ShouldBe(answers);
        (await service.Client.GetJsonAsync("/health/ready")).GetProperty("status").GetString().ShouldBe("Degraded");
    }

    [Fact]
    public async Task A_new_item_is_ranked_and_a_changed_one_rescored_without_training()
    {
        await using var service = await StartAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        await TrainAsync(service);
        (
            await service.Client.PutJsonAsync(
                "/v1/items/brand-new",
                new { tags = new[] { "a" }, metadata = new { title = "New" } },
                HttpStatusCode.Created
            )
        )
            .GetProperty("available")
            .GetBoolean()
            .ShouldBeTrue();

        for (var attempt = 0; ; attempt++)
        {
            var items = (await RecommendAsync(service))
                .GetProperty("items")
                .EnumerateArray()
                .Select(i => i.GetProperty("itemId").GetString())
                .ToList();
            if (items.Contains("brand-new"))
            {
                break;
            }

            attempt.ShouldBeLessThan(100, "the catalogue is followed within seconds");
            await Task.Delay(100);
        }
    }

    private async Task<ServiceFixture> StartAsync()
    {
        var service = new Service(server);
        await service.InitializeAsync();
        return service;
    }

    private static async Task<long> TrainAsync(ServiceFixture service)
    {
        var run = await service.Client.TrainAsync();
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await RefreshAsync(service);
        return run.GetProperty("modelVersion").GetInt64();
    }

    private static Task RefreshAsync(ServiceFixture service) => service.Factory.Services.RefreshAsync();

    private static Task<JsonElement> RecommendAsync(ServiceFixture service) =>
        service.Client.PostJsonAsync("/v1/recommendations", new JsonObject { ["userId"] = "nobody", ["count"] = 1000 });

    private static Task<string> AnswersAsync(ServiceFixture service, int items = 1000) => AnswersAsync(service.Client, items);

    /// <summary>What is recommended to some users, less the ids that every answer has of its own.</summary>
    private static async Task<string> AnswersAsync(HttpClient client, int items = 1000)
    {
        var answers = new List<string>();
        foreach (var user in new[] { "u1", "u7", "nobody" })
        {
            var request = new JsonObject
            {
                ["userId"] = user,
                ["count"] = 1000,
                ["filter"] = new JsonObject { ["excludeSeen"] = false },
            };
            if (items < 1000)
            {
                request["filter"]!["itemIds"] = new JsonArray([.. Enumerable.Range(0, items).Select(i => (JsonNode)$"i{i}")]);
            }

            var answer = await client.PostJsonAsync("/v1/recommendations", request);
            answers.Add($"{answer.GetProperty("modelVersion")} {answer.GetProperty("items")}");
        }

        return string.Join('\n', answers);
    }

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings => ModelRegistryTests.Settings;
    }
}
