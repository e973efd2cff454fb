using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Scoring;
using RecService.Api.Tests.Fixtures;
using RecService.Engine.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class RecommendationBatchTests(HistoryTests.Service service) : IClassFixture<HistoryTests.Service>
{
    private const string Path = "/v1/recommendations/batch";

    [Fact]
    public async Task Each_request_is_answered_as_by_itself()
    {
        await PostAsync("reader", ["i02", "i04", "i06"], "view");
        await PostAsync("reader", ["i07"], "dislike");
        await PostAsync("gone", ["i01", "i03"], "view");
        await service.Client.DeleteJsonAsync("/v1/users/gone");
        await service.RefreshAsync();
        // The snapshot does not know it yet, so that some lists have to go deeper.
        (await service.Client.PutAsJsonAsync("/v1/items/i39", new { tags = new[] { "high" }, available = false })).EnsureSuccessStatusCode();
        JsonObject[] requests =
        [
            new(),
            new() { ["userId"] = "unheard-of" },
            new() { ["userId"] = "gone", ["count"] = 7 },
            new() { ["userId"] = "reader", ["count"] = 40 },
            new()
            {
                ["userId"] = "reader",
                ["count"] = 40,
                ["filter"] = new JsonObject { ["excludeSeen"] = false, ["anyTags"] = new JsonArray("low") },
                ["include"] = new JsonArray("explanation", "crossVector"),
            },
            new()
            {
                ["userId"] = "reader",
                ["filter"] = new JsonObject { ["seenTypes"] = new JsonArray("purchase") },
                ["context"] = new JsonObject { ["device"] = "phone" },
            },
            new()
            {
                ["userId"] = "reader",
                ["recentItems"] = Recent("i10", "nothing", "i12"),
                ["historyMode"] = "replace",
            },
            new() { ["recentItems"] = Recent("i02", "nowhere") },
            .. Enumerable.Range(0, 60).Select(u => new JsonObject { ["userId"] = $"u{u}", ["count"] = 1 + (u % 20) }),
        ];

        var answer = await service.Client.PostJsonAsync(Path, Batch(requests));

        answer.GetProperty("modelVersion").GetInt64().ShouldBe(service.ModelVersion);
        var answers = answer.GetProperty("answers");
        answers.GetArrayLength().ShouldBe(requests.Length);
        for (var i = 0; i < requests.Length; i++)
        {
            answers[i].GetProperty("userId").GetString().ShouldBe(requests[i]["userId"]?.GetValue<string>());
            answers[i].GetProperty("problem").ValueKind.ShouldBe(JsonValueKind.Null);
            var alone = await service.Client.PostJsonAsync("/v1/recommendations", requests[i]);
            WithoutId(answers[i].GetProperty("recommendation")).ShouldBe(WithoutId(alone), requests[i].ToJsonString());
        }
    }

    [Fact]
    public async Task One_that_is_invalid_is_told_what_is_wrong_and_spoils_no_other()
    {
        const string requests =
            """{"requests": [{"userId": "u1"}, {"userId": "u2", "count": 0}, 7, null, {"user": "u4"}, {"userId": 5}, {"userId": "u6", "filter": {"anyTags": [null]}}]}""";
        var answers = (await service.Client.SendTextAsync(HttpMethod.Post, Path, requests)).GetProperty("answers").EnumerateArray().ToList();

        answers
            .Select(answer => answer.GetProperty("userId").GetString())
            .ShouldBe(["u1", "u2", null, null, null, null, "u6"]);
        answers[0].GetProperty("recommendation").GetProperty("items").GetArrayLength().ShouldBe(10);
        answers
            .Skip(1)
            .Select(answer => string.Join(',', answer.GetProperty("problem").Errors().Keys))
            .ShouldBe(["count", "$", "$", "user", "userId", "filter.anyTags[0]"]);
        answers.Skip(1).ShouldAllBe(answer => answer.GetProperty("recommendation").ValueKind == JsonValueKind.Null);
    }

    [Theory]
    [InlineData("{}", "requests", "is required")]
    [InlineData("""{"requests": []}""", "requests", "must be an array of 1 to 1000 requests")]
    [InlineData("""{"requests": {}}""", "requests", "must be an array of 1 to 1000 requests")]
    [InlineData("""{"requests": [{}], "count": 5}""", "count", "is not a known field")]
    [InlineData("[]", "$", "must be an object")]
    public async Task What_is_no_batch_is_refused(string json, string field, string reason)
    {
        var problem = await service.Client.SendTextAsync(HttpMethod.Post, Path, json, expected: HttpStatusCode.BadRequest);
        problem.Errors().ShouldHaveSingleItem().ShouldSatisfyAllConditions(error => error.Key.ShouldBe(field), error => error.Value.ShouldBe([reason]));
    }

    [Theory]
    [InlineData(1000, 20, "", HttpStatusCode.OK)]
    [InlineData(1001, 1, "", HttpStatusCode.BadRequest)]
    [InlineData(1000, 21, "", HttpStatusCode.BadRequest)]
    [InlineData(1000, 2, "explanation", HttpStatusCode.OK)]
    [InlineData(1000, 3, "explanation", HttpStatusCode.BadRequest)]
    public async Task A_batch_has_so_many_requests_and_so_many_items(int requests, int count, string include, HttpStatusCode expected)
    {
        var batch = Enumerable
            .Range(0, requests)
            .Select(u => new JsonObject
            {
                ["userId"] = $"u{u}",
                ["count"] = count,
                ["include"] = include.Length == 0 ? null : new JsonArray(include),
            });
        var answer = await service.Client.PostJsonAsync(Path, Batch([.. batch]), expected);
        if (expected == HttpStatusCode.BadRequest)
        {
            answer.Errors().Keys.ShouldBe(["requests"]);
        }
    }

    [Fact]
    public async Task The_database_is_asked_for_all_users_at_once()
    {
        JsonObject[] requests =
        [
            .. Enumerable
                .Range(0, 50)
                .Select(u => new JsonObject
                {
                    ["userId"] = $"u{u}",
                    ["recentItems"] = Recent($"missing-{u}"),
                    // As no other test asks, so that none of the users is remembered.
                    ["filter"] = new JsonObject { ["seenTypes"] = new JsonArray("purchase", "never") },
                }),
        ];
        var (_, asked) = await DatabaseReads.OfAsync(service.Client, Path, Batch(requests));

        // The recent items, the users with what they did, and the items that were ranked.
        asked.Count.ShouldBe(3, string.Join('\n', asked));
    }

    [Fact]
    public async Task Nothing_more_is_ranked_for_a_caller_who_is_gone()
    {
        using var gone = new CancellationTokenSource();
        var ranked = 0;
        var ranking = new ObservedRanking(() =>
        {
            ranked++;
            gone.Cancel();
        });
        await using var scope = service.Factory.Services.CreateAsyncScope();
        var recommender = scope.ServiceProvider.GetRequiredService<Recommender>();
        WantedList[] lists = [.. Enumerable.Repeat(new WantedList(ranking, CandidateFilter.None, 1), 5)];

        await Should.ThrowAsync<OperationCanceledException>(() => recommender.TopAsync(lists, gone.Token));
        ranked.ShouldBe(1);
    }

    internal static JsonObject Batch(params JsonObject[] requests) => new() { ["requests"] = new JsonArray([.. requests.Select(request => request.DeepClone())]) };

    private static JsonArray Recent(params string[] items) =>
        [.. items.Select((item, n) => new JsonObject { ["itemId"] = item, ["occurredAt"] = $"2026-03-01T09:{n:D2}:00Z" })];

    private static string WithoutId(JsonElement recommendation)
    {
        var copy = JsonObject.Create(recommendation)!;
        copy.Remove("recommendationId").ShouldBeTrue();
        return copy.ToJsonString();
    }

    private Task PostAsync(string user, string[] items, string type) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = items.Select(
                    (itemId, n) =>
                        new
                        {
                            userId = user,
                            itemId,
                            type,
                            occurredAt = $"2026-03-01T08:{n:D2}:00Z",
                        }
                ),
            }
        );

    private sealed class ObservedRanking(Action ranked) : Ranking("popularity", ItemCatalog.Empty)
    {
        public override IReadOnlyList<RankedItem> Top(int count, ItemSet allowed)
        {
            ranked();
            return [];
        }
    }
}
