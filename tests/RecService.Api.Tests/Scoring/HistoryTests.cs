using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Scoring;

/// <summary>Recommendations by what users did, from the database and from requests.</summary>
public sealed class HistoryTests(HistoryTests.Service service, DatabaseServer server) : IClassFixture<HistoryTests.Service>
{
    private static readonly string[] Five = ["i02", "i04", "i06", "i08", "i10"];

    [Fact]
    public async Task What_a_new_user_did_a_moment_ago_changes_the_next_answer_without_training()
    {
        var request = new JsonObject { ["userId"] = "newcomer", ["count"] = 10 };
        var before = await RecommendAsync(request);
        before.GetProperty("personalization").GetString().ShouldBe("none");
        before.GetProperty("userKnown").GetBoolean().ShouldBeFalse();

        await PostAsync("newcomer", Five);
        var after = await RecommendAsync(request);

        after.GetProperty("personalization").GetString().ShouldBe("history");
        after.GetProperty("userKnown").GetBoolean().ShouldBeTrue();
        after.GetProperty("modelVersion").GetInt64().ShouldBe(service.ModelVersion);
        after.GetProperty("degraded").GetArrayLength().ShouldBe(0);
        after.GetProperty("items")[0].GetProperty("prediction").ValueKind.ShouldBe(JsonValueKind.Null);
        Ids(after).ShouldNotBe(Ids(before));
        // Half of the users take the even items one after the other, the others the odd ones.
        Ids(after)[..5].Count(IsEven).ShouldBeGreaterThanOrEqualTo(4);
        Ids(after).ShouldNotContain(id => Five.Contains(id));
    }

    [Fact]
    public async Task Interactions_that_are_no_positives_change_nothing()
    {
        await PostAsync("onlooker", ["i02"], type: "impression");
        await PostAsync("onlooker", ["i04"], type: "rating", value: 2);
        await PostAsync("onlooker", ["i04"], type: "rating");

        (await RecommendAsync(new() { ["userId"] = "onlooker" })).GetProperty("personalization").GetString().ShouldBe("none");

        await PostAsync("onlooker", ["i04"], type: "rating", value: 4);
        (await RecommendAsync(new() { ["userId"] = "onlooker" })).GetProperty("personalization").GetString().ShouldBe("history");
    }

    [Fact]
    public async Task A_visitor_with_the_same_recent_items_gets_the_list_of_a_user_to_the_bit()
    {
        await PostAsync("same", Five);
        var ofUser = await RecommendAsync(new() { ["userId"] = "same", ["count"] = 30 });
        var ofVisitor = await RecommendAsync(new() { ["recentItems"] = Recent(Five), ["count"] = 30 });

        Scores(ofVisitor).ShouldBe(Scores(ofUser));
        ofVisitor.GetProperty("personalization").GetString().ShouldBe("history");
        ofVisitor.GetProperty("unknownItems").GetArrayLength().ShouldBe(0);
        Ids(ofVisitor).ShouldNotContain(id => Five.Contains(id));
    }

    [Fact]
    public async Task Recent_items_extend_what_is_stored_or_replace_it_and_unknown_ones_are_told()
    {
        await PostAsync("extended", Five[..3]);
        await PostAsync("replaced", ["i01", "i03"]);
        var expected = Scores(await RecommendAsync(new() { ["recentItems"] = Recent(Five), ["filter"] = Everything() }));
        var extended = await RecommendAsync(
            new()
            {
                ["userId"] = "extended",
                ["recentItems"] = Recent(Five, from: 3),
                ["filter"] = Everything(),
            }
        );
        var recent = Recent(Five);
        recent.Insert(2, new JsonObject { ["itemId"] = "unheard-of" });
        var replaced = await RecommendAsync(
            new()
            {
                ["userId"] = "replaced",
                ["recentItems"] = recent,
                ["historyMode"] = "replace",
                ["filter"] = Everything(),
            }
        );

        Scores(extended).ShouldBe(expected);
        Scores(replaced).ShouldBe(expected);
        replaced.GetProperty("unknownItems").EnumerateArray().Select(id => id.GetString()).ShouldBe(["unheard-of"]);
    }

    [Fact]
    public async Task The_newest_last_counts_also_without_times()
    {
        JsonArray Plain(params string[] ids) => [.. ids.Select(id => new JsonObject { ["itemId"] = id })];
        var forth = Scores(await RecommendAsync(new() { ["recentItems"] = Plain("i02", "i05", "i08"), ["filter"] = Everything() }));
        var back = Scores(await RecommendAsync(new() { ["recentItems"] = Plain("i08", "i05", "i02"), ["filter"] = Everything() }));

        back.ShouldNotBe(forth);
    }

    [Fact]
    public async Task Scores_recommendations_and_vectors_know_the_same_history()
    {
        await PostAsync("everywhere", Five);
        await PostAsync("everywhere", ["i02"]);
        var recommended = Scores(
            await RecommendAsync(
                new()
                {
                    ["userId"] = "everywhere",
                    ["count"] = 40,
                    ["filter"] = Everything(),
                }
            )
        );
        var ids = new JsonArray([.. recommended.Select(item => JsonValue.Create(item.Id))]);
        var scored = Scores(await service.Client.PostJsonAsync("/v1/scores", new JsonObject { ["userId"] = "everywhere", ["itemIds"] = ids }));
        var rows = new JsonArray([.. recommended.Select(item => new JsonObject { ["userId"] = "everywhere", ["itemId"] = item.Id })]);
        var vectors = await service.Client.PostJsonAsync("/v1/cross-features", new JsonObject { ["rows"] = rows });
        vectors.GetProperty("fields").EnumerateArray().Select(field => field.GetString()).ShouldContain("history.recent");

        recommended.Count.ShouldBe(40);
        scored.ShouldBe(recommended);
        vectors.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("score").GetSingle()).ShouldBe(recommended.Select(item => item.Score));
    }

    [Fact]
    public async Task A_pinned_model_knows_the_same_history_when_another_is_served()
    {
        await PostAsync("pinner", Five);
        var request = new JsonObject
        {
            ["userId"] = "pinner",
            ["itemIds"] = new JsonArray("i02", "i11", "i12", "i13"),
            ["modelVersion"] = service.ModelVersion,
            ["include"] = new JsonArray("explanation"),
        };
        var served = await service.Client.PostJsonAsync("/v1/scores", request);
        (await service.Client.PutAsJsonAsync($"/v1/models/{service.ModelVersion}/pin", new { })).EnsureSuccessStatusCode();
        await service.Client.TrainAsync();
        await service.RefreshAsync();
        var pinned = await service.Client.PostJsonAsync("/v1/scores", request);
        await service.Client.PostJsonAsync($"/v1/models/{service.ModelVersion}/activate", new JsonObject());
        await service.RefreshAsync();

        pinned.GetProperty("items").ToString().ShouldBe(served.GetProperty("items").ToString());
    }

    [Fact]
    public async Task Because_and_the_other_parts_sum_to_the_score()
    {
        await PostAsync("curious", [.. Five, "i02"]);
        var answer = await RecommendAsync(
            new()
            {
                ["userId"] = "curious",
                ["context"] = new JsonObject { ["device"] = "phone" },
                ["count"] = 40,
                ["filter"] = Everything(),
                ["include"] = new JsonArray("explanation"),
            }
        );

        foreach (var item in answer.GetProperty("items").EnumerateArray())
        {
            var explanation = item.GetProperty("explanation");
            var because = explanation.GetProperty("because").EnumerateArray().ToList();
            because.Select(part => part.GetProperty("itemId").GetString()).Order(StringComparer.Ordinal).ShouldBe(Five);
            because.Select(part => part.GetProperty("value").GetSingle()).ShouldBe(
                because.Select(part => part.GetProperty("value").GetSingle()).OrderDescending()
            );
            double[] parts =
            [
                explanation.GetProperty("bias").GetDouble(),
                .. explanation.GetProperty("linear").EnumerateArray().Select(part => part.GetProperty("value").GetDouble()),
                .. explanation.GetProperty("pairs").EnumerateArray().Where(pair => !IsOfHistory(pair)).Select(part => part.GetProperty("value").GetDouble()),
                .. because.Select(part => part.GetProperty("value").GetDouble()),
            ];
            parts.Sum().ShouldBe(item.GetProperty("score").GetDouble(), 1e-4 * (1 + parts.Sum(Math.Abs)));
            because.Sum(part => Math.Abs(part.GetProperty("value").GetDouble())).ShouldBeGreaterThan(0.01);
        }

        static bool IsOfHistory(JsonElement pair)
        {
            string?[] fields = [.. pair.GetProperty("fields").EnumerateArray().Select(field => field.GetString())];
            return fields.Any(field => field is "history" or "history.recent") && fields.Any(field => field is "item" or "tag");
        }
    }

    [Fact]
    public async Task While_the_database_is_away_the_history_is_named_as_missing_but_recent_items_count()
    {
        await PostAsync("patient", Five);
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            var answer = await RecommendAsync(new() { ["userId"] = "patient" });
            Degraded(answer).ShouldBe(["userFeatures", "seenItems", "history", "items"]);
            answer.GetProperty("personalization").GetString().ShouldBe("none");
            answer.GetProperty("userKnown").ValueKind.ShouldBe(JsonValueKind.Null);
            var scores = new JsonObject { ["userId"] = "patient", ["itemIds"] = new JsonArray("i01") };
            Degraded(await service.Client.PostJsonAsync("/v1/scores", scores)).ShouldBe(["userFeatures", "history"]);

            var recent = await RecommendAsync(new() { ["recentItems"] = Recent(Five) });
            Degraded(recent).ShouldBe(["items"]);
            recent.GetProperty("personalization").GetString().ShouldBe("history");
        }
        finally
        {
            await server.AllowConnectionsAsync(service.ConnectionString, allow: true);
            using var limit = new CancellationTokenSource(Backstop.Limit);
            while (Degraded(await RecommendAsync(new() { ["userId"] = "patient" })).Count > 0)
            {
                await Task.Delay(50, limit.Token);
            }
        }
    }

    [Theory]
    [InlineData("""{"recentItems": [{"itemId": ""}]}""", "recentItems[0].itemId")]
    [InlineData("""{"recentItems": [null]}""", "recentItems[0]")]
    [InlineData("""{"recentItems": [{"itemId": "a", "type": "a b"}]}""", "recentItems[0].type")]
    [InlineData("""{"recentItems": [{"itemId": "a", "occurredAt": "1969-01-01T00:00:00Z"}]}""", "recentItems[0].occurredAt")]
    [InlineData(
        """{"recentItems": [{"itemId": "a", "occurredAt": "2026-01-02T00:00:00Z"}, {"itemId": "b"}, {"itemId": "a", "occurredAt": "2026-01-01T00:00:00Z"}]}""",
        "recentItems[2].occurredAt"
    )]
    [InlineData("""{"historyMode": "forget"}""", "historyMode")]
    public async Task A_wrong_field_is_named(string json, string field)
    {
        foreach (var path in new[] { "/v1/recommendations", "/v1/scores" })
        {
            var request = JsonNode.Parse(json)!.AsObject();
            if (path == "/v1/scores")
            {
                request["itemIds"] = new JsonArray("i01");
            }

            (await ErrorsAsync(path, request)).ShouldContain(field);
        }
    }

    [Fact]
    public async Task No_more_recent_items_than_the_models_history_are_taken()
    {
        var many = new JsonArray([.. Enumerable.Range(0, Service.HistoryLength + 1).Select(_ => new JsonObject { ["itemId"] = "i01" })]);

        (await ErrorsAsync("/v1/recommendations", new() { ["recentItems"] = many.DeepClone() })).ShouldContain("recentItems");
        (await ErrorsAsync("/v1/scores", new() { ["itemIds"] = new JsonArray("i01"), ["recentItems"] = many })).ShouldContain("recentItems");
    }

    private async Task<List<string>> ErrorsAsync(string path, JsonObject request)
    {
        using var answer = await service.Client.PostAsJsonAsync(path, request);
        ((int)answer.StatusCode).ShouldBe(400);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return [.. problem.GetProperty("errors").EnumerateObject().Select(error => error.Name)];
    }

    private static List<string?> Degraded(JsonElement answer) =>
        [.. answer.GetProperty("degraded").EnumerateArray().Select(part => part.GetString())];

    /// <summary>Posts what a user did, one thing a minute from a certain moment on.</summary>
    private Task PostAsync(string user, string[] items, string type = "view", double? value = null) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray([
                    .. items.Select(
                        (item, n) =>
                            new JsonObject
                            {
                                ["userId"] = user,
                                ["itemId"] = item,
                                ["type"] = type,
                                ["value"] = value,
                                ["occurredAt"] = Minute(n),
                            }
                    ),
                ]),
            }
        );

    private static JsonArray Recent(string[] items, int from = 0) =>
        [
            .. items
                .Select(
                    (item, n) =>
                        new JsonObject
                        {
                            ["itemId"] = item,
                            ["type"] = "view",
                            ["occurredAt"] = Minute(n),
                        }
                )
                .Skip(from),
        ];

    private static JsonObject Everything() => new() { ["excludeSeen"] = false };

    private static string Minute(int n) => $"2026-03-01T09:{n:D2}:00Z";

    private static bool IsEven(string id) => int.Parse(id[1..], CultureInfo.InvariantCulture) % 2 == 0;

    private Task<JsonElement> RecommendAsync(JsonObject request) => service.Client.PostJsonAsync("/v1/recommendations", request);

    private static List<string> Ids(JsonElement answer) => [.. Scores(answer).Select(item => item.Id)];

    private static List<(string Id, float Score)> Scores(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(i => (i.GetProperty("itemId").GetString()!, i.GetProperty("score").GetSingle()))];

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public const int HistoryLength = 50;

        private static readonly string[] Types = ["view", "view", "purchase"];

        public long ModelVersion { get; private set; }

        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Next",
                ["Training:Factors"] = "8",
                ["Training:Epochs"] = "20",
                ["Training:HistoryLength"] = HistoryLength.ToString(CultureInfo.InvariantCulture),
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            for (var i = 0; i < 40; i++)
            {
                (await Client.PutAsJsonAsync($"/v1/items/i{i:D2}", new { tags = new[] { i % 4 < 2 ? "low" : "high" } })).EnsureSuccessStatusCode();
            }

            // Users go from an item to the one after the next; now and then back to the first.
            var random = new Random(3);
            var interactions = new JsonArray();
            for (var u = 0; u < 120; u++)
            {
                var first = random.Next(40);
                for (var n = 0; n < 12; n++)
                {
                    interactions.Add(
                        new JsonObject
                        {
                            ["userId"] = $"u{u}",
                            ["itemId"] = $"i{(n == 11 && u % 3 == 0 ? first : (first + (2 * n)) % 40):D2}",
                            ["type"] = Types[random.Next(3)],
                            ["occurredAt"] = $"2026-01-01T10:{n:D2}:00Z",
                            ["context"] = new JsonObject { ["device"] = u % 2 == 0 ? "phone" : "desktop" },
                        }
                    );
                }
            }

            await Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
            ModelVersion = (await Client.TrainAsync()).GetProperty("modelVersion").GetInt64();
            await RefreshAsync();
        }

        public Task RefreshAsync() => Factory.Services.RefreshAsync();
    }
}
