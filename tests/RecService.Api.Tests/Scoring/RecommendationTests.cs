using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

public sealed class RecommendationTests(TrainedService service) : IClassFixture<TrainedService>
{
    [Fact]
    public async Task Items_come_with_title_tags_prediction_and_an_id_to_echo()
    {
        var answer = await RecommendAsync(new() { ["userId"] = TrainedService.User(3), ["count"] = 5 });

        Guid.TryParse(answer.GetProperty("recommendationId").GetString(), out _).ShouldBeTrue();
        var items = answer.GetProperty("items");
        items.GetArrayLength().ShouldBe(5);
        var first = items[0];
        first.GetProperty("rank").GetInt32().ShouldBe(1);
        first.GetProperty("metadata").GetProperty("title").GetString().ShouldStartWith("Title ");
        first.GetProperty("tags").GetArrayLength().ShouldBeGreaterThan(0);
        first.GetProperty("prediction").GetSingle().ShouldBeInRange(2.5f, 5f);
    }

    [Fact]
    public async Task What_a_user_likes_comes_first()
    {
        var answer = await RecommendAsync(
            new()
            {
                ["userId"] = TrainedService.User(0),
                ["count"] = 6,
                ["filter"] = new JsonObject { ["excludeSeen"] = false },
            }
        );

        // User 0 likes the items whose number leaves the remainder 1 by 5.
        Ids(answer).Count(id => int.Parse(id[1..], System.Globalization.CultureInfo.InvariantCulture) % 5 == 1).ShouldBeGreaterThanOrEqualTo(5);
    }

    [Fact]
    public async Task Seen_items_are_left_out_unless_asked_for()
    {
        var user = TrainedService.User(5);
        var seen = (await service.Client.GetJsonAsync($"/v1/interactions?userId={user}"))
            .GetProperty("interactions")
            .EnumerateArray()
            .Select(i => i.GetProperty("itemId").GetString()!)
            .ToHashSet();

        var unseen = Ids(await RecommendAsync(new() { ["userId"] = user, ["count"] = 1000 }));
        var all = Ids(
            await RecommendAsync(
                new()
                {
                    ["userId"] = user,
                    ["count"] = 1000,
                    ["filter"] = new JsonObject { ["excludeSeen"] = false },
                }
            )
        );

        seen.Count.ShouldBe(25);
        unseen.ShouldNotContain(id => seen.Contains(id));
        unseen.Count.ShouldBe(all.Count - seen.Count);
    }

    [Fact]
    public async Task Filters_limit_the_ranking_without_changing_its_order()
    {
        var all = Ids(await RecommendAsync(new() { ["userId"] = "x", ["count"] = 1000 }));
        var drama = await RecommendAsync(
            new()
            {
                ["userId"] = "x",
                ["count"] = 1000,
                ["filter"] = new JsonObject { ["anyTags"] = new JsonArray("drama"), ["noTags"] = new JsonArray("noir") },
            }
        );
        var listed = await RecommendAsync(
            new()
            {
                ["userId"] = "x",
                ["filter"] = new JsonObject
                {
                    ["itemIds"] = new JsonArray("i001", "i002", "i003", "nobody"),
                    ["excludeItemIds"] = new JsonArray("i002"),
                },
            }
        );

        foreach (var item in drama.GetProperty("items").EnumerateArray())
        {
            var tags = item.GetProperty("tags").EnumerateArray().Select(t => t.GetString()!).ToList();
            tags.ShouldContain("drama");
            tags.ShouldNotContain("noir");
        }

        Ids(drama).ShouldNotBeEmpty();
        Ids(drama).ShouldBe(all.Intersect(Ids(drama)));
        Ids(listed).ShouldBe(all.Intersect(["i001", "i003"]));
    }

    [Fact]
    public async Task A_tag_that_a_request_names_changes_the_ranking()
    {
        var plain = Scores(await RecommendAsync(new() { ["count"] = 1000 }));
        var jazz = Scores(await RecommendAsync(new() { ["count"] = 1000, ["tags"] = new JsonArray("jazz") }));

        jazz.ShouldNotBe(plain);
    }

    [Fact]
    public async Task An_item_that_is_switched_off_deleted_retagged_or_just_seen_is_gone_from_the_next_answer()
    {
        JsonObject Request() =>
            new()
            {
                ["userId"] = "late-comer",
                ["count"] = 1000,
                ["filter"] = new JsonObject { ["anyTags"] = new JsonArray("fresh") },
            };
        foreach (var id in new[] { "f1", "f2", "f3", "f4", "f5" })
        {
            (await service.Client.PutAsJsonAsync($"/v1/items/{id}", new { tags = new[] { "fresh" } })).StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        await service.RefreshAsync();
        Ids(await RecommendAsync(Request())).Order(StringComparer.Ordinal).ShouldBe(["f1", "f2", "f3", "f4", "f5"]);

        (await service.Client.PutAsJsonAsync("/v1/items/f1", new { tags = new[] { "fresh" }, available = false })).EnsureSuccessStatusCode();
        (await service.Client.DeleteAsync(new Uri("/v1/items/f2", UriKind.Relative))).EnsureSuccessStatusCode();
        (await service.Client.PutAsJsonAsync("/v1/items/f5", new { tags = new[] { "stale" } })).EnsureSuccessStatusCode();
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = "late-comer",
                        ["itemId"] = "f3",
                        ["type"] = "view",
                    }
                ),
            }
        );

        Ids(await RecommendAsync(Request())).ShouldBe(["f4"]);
        foreach (var id in new[] { "f1", "f3", "f4", "f5" })
        {
            await service.Client.DeleteAsync(new Uri($"/v1/items/{id}", UriKind.Relative));
        }
    }

    [Fact]
    public async Task Similar_items_share_a_vector_direction_and_leave_out_the_item_itself()
    {
        var answer = await service.Client.GetJsonAsync("/v1/items/i010/similar?count=8");

        Ids(answer).ShouldNotContain("i010");
        Ids(answer).Count.ShouldBe(8);
        var similarities = answer.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("similarity").GetSingle()).ToList();
        similarities.ShouldBe(similarities.OrderDescending());
        similarities.ShouldAllBe(s => s >= -1.0001f && s <= 1.0001f);
    }

    [Fact]
    public async Task Popular_items_come_by_the_number_of_their_users()
    {
        var answer = await service.Client.GetJsonAsync("/v1/recommendations/popular?count=1000");

        var users = answer.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("users").GetInt32()).ToList();
        users.ShouldBe(users.OrderDescending());
        await using var liked = service.Database.CreateCommand("SELECT count(*) FROM interactions WHERE type = 'rating' AND value >= 4");
        users.Sum().ShouldBe((int)(long)(await liked.ExecuteScalarAsync())!);
    }

    [Theory]
    [InlineData("""{"count": 0}""", "count")]
    [InlineData("""{"count": 1001}""", "count")]
    [InlineData("""{"userId": ""}""", "userId")]
    [InlineData("""{"tags": ["a", null]}""", "tags[1]")]
    [InlineData("""{"context": {"a": {"b": 1}}}""", "context.a")]
    [InlineData("""{"context": {"a b": 1}}""", "context")]
    [InlineData("""{"context": {"tags": "x"}}""", "context.tags")]
    [InlineData("""{"include": ["everything"]}""", "include[0]")]
    [InlineData("""{"filter": {"itemIds": ["\u0000"]}}""", "filter.itemIds[0]")]
    [InlineData("""{"filter": {"tags": []}}""", "filter.tags")]
    [InlineData("""{"user": "a"}""", "user")]
    public async Task A_wrong_field_is_named(string json, string field)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await service.Client.PostAsync(new Uri("/v1/recommendations", UriKind.Relative), content);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        answer.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldContain(field);
        problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
    }

    private Task<JsonElement> RecommendAsync(JsonObject request) => service.Client.PostJsonAsync("/v1/recommendations", request);

    private static List<string> Ids(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("itemId").GetString()!)];

    private static List<(string?, float)> Scores(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(i => (i.GetProperty("itemId").GetString(), i.GetProperty("score").GetSingle()))];
}
