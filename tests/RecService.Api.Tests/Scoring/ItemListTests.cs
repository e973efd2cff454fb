using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Scoring;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;
using RecService.Api.Training;

namespace RecService.Api.Tests.Scoring;

/// <summary>What lists of similar, next and popular items can be asked for.</summary>
public sealed class ItemListTests(ItemListTests.Service service) : IClassFixture<ItemListTests.Service>
{
    public static TheoryData<string> Lists => ["/v1/items/i01/similar", "/v1/items/i01/next", "/v1/recommendations/popular"];

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task Items_are_filtered_by_tags_and_ids(string list)
    {
        (await ItemsAsync($"{list}?anyTags=tag0&anyTags=tag1")).ShouldBe(Named(n => n % 3 < 2, but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?allTags=tag0&allTags=even")).ShouldBe(Named(n => n % 6 == 0, but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?noTags=even")).ShouldBe(Named(n => n % 2 == 1, but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?excludeItemIds=i02&excludeItemIds=i03")).ShouldBe(Named(n => n is not (2 or 3), but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?anyTags=tag1&count=2")).Count.ShouldBe(2);
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task What_a_user_has_seen_or_dislikes_is_left_out(string list)
    {
        var user = $"reader-{list.Split('/')[^1]}";
        await PostAsync(user, "i02", "purchase", daysAgo: 40);
        await PostAsync(user, "i03", "view");
        await PostAsync(user, "i04", "dislike", daysAgo: 400);
        await PostAsync(user, "i05", "impression");

        (await ItemsAsync($"{list}?userId={user}")).ShouldBe(Named(n => n is not (2 or 3 or 4), but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?userId={user}&seenWithin=30.00:00:00")).ShouldBe(Named(n => n is not (3 or 4), but: list), ignoreOrder: true);
        (await ItemsAsync($"{list}?userId={user}&seenTypes=impression&seenTypes=view")).ShouldBe(
            Named(n => n is not (3 or 4 or 5), but: list),
            ignoreOrder: true
        );
        (await ItemsAsync($"{list}?userId=nobody")).ShouldBe(Named(_ => true, but: list), ignoreOrder: true);
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task What_is_wrong_is_told_by_parameter(string list)
    {
        var tag = new string('t', 300);
        var problem = await service.Client.GetJsonAsync(
            $"{list}?count=0&userId=&anyTags={tag}&seenWithin=ever&seenTypes=",
            HttpStatusCode.BadRequest
        );

        problem.Errors().Keys.ShouldBe(["count", "userId", "anyTags[0]", "seenWithin", "seenTypes[0]"], ignoreOrder: true);
        (await service.Client.GetJsonAsync($"{list}?userId=a&userId=b", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["userId"]);
    }

    [Fact]
    public async Task The_user_of_a_list_of_next_items_changes_nothing_but_what_is_left_out()
    {
        await PostAsync("walker", "i07", "purchase");

        var next = await service.Client.GetJsonAsync("/v1/items/i01/next?count=100&userId=walker");
        var all = await ItemsAsync("/v1/items/i01/next");

        Ids(next).ShouldBe(all.Where(id => id != "i07"));
    }

    [Fact]
    public async Task Popular_since_a_time_counts_the_users_of_whom_items_have_positives_from_then_on()
    {
        // Later than what the other tests post.
        await PostAsync("trend-1", "i09", "view", daysAgo: -1);
        await PostAsync("trend-1", "i09", "view", daysAgo: -1);
        await PostAsync("trend-2", "i09", "purchase", daysAgo: -1);
        await PostAsync("trend-3", "i11", "view", daysAgo: -1);
        await PostAsync("trend-3", "i10", "impression", daysAgo: -1);
        await PostAsync("trend-3", "i12", "dislike", daysAgo: -1);
        var since = Uri.EscapeDataString(DateTimeOffset.UtcNow.AddHours(12).ToString("O"));

        var trend = await service.Client.GetJsonAsync($"/v1/recommendations/popular?since={since}");

        trend
            .GetProperty("items")
            .EnumerateArray()
            .Select(item => (item.GetProperty("itemId").GetString(), item.GetProperty("users").GetInt32()))
            .ShouldBe([("i09", 2), ("i11", 1)]);
        (await ItemsAsync($"/v1/recommendations/popular?since={since}&userId=trend-3")).ShouldBe(["i09"]);
        (await service.Client.GetJsonAsync("/v1/recommendations/popular?since=yesterday", HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["since"]);
    }

    [Fact]
    public async Task While_one_trend_is_counted_who_wants_another_waits_no_longer_than_for_a_score()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var trends = new TrendReader(
            service.Database,
            new TrainingOptions().ToFeedback(),
            new(new() { ScoringTimeout = TimeSpan.FromMilliseconds(50), CommandTimeout = TimeSpan.FromMinutes(5) }, "", Embedded: null),
            TimeProvider.System
        );
        await using var connection = await service.Database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var hold = connection.CreateCommand())
        {
            hold.CommandText = "LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE";
            await hold.ExecuteNonQueryAsync(cancellation);
        }

        var first = trends.ReadAsync(DateTimeOffset.UnixEpoch, cancellation);
        await Should.ThrowAsync<DatabaseAwayException>(() => trends.ReadAsync(DateTimeOffset.UnixEpoch.AddDays(1), cancellation));

        first.IsCompleted.ShouldBeFalse();
        await transaction.RollbackAsync(cancellation);
        (await first).Count.ShouldBePositive();
        (await trends.ReadAsync(DateTimeOffset.UnixEpoch.AddDays(1), cancellation)).Count.ShouldBePositive();
    }

    private static IEnumerable<string> Named(Func<int, bool> isAllowed, string but) =>
        Enumerable.Range(1, 12).Where(isAllowed).Select(n => $"i{n:D2}").Where(id => !but.Contains(id, StringComparison.Ordinal));

    private static List<string> Ids(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    private async Task<List<string>> ItemsAsync(string path) =>
        Ids(
            await service.Client.GetJsonAsync(
                path.Contains("count=", StringComparison.Ordinal) ? path : $"{path}{(path.Contains('?') ? '&' : '?')}count=100"
            )
        );

    private Task PostAsync(string user, string item, string type, int daysAgo = 0) =>
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
                        ["occurredAt"] = DateTimeOffset.UtcNow.AddDays(-daysAgo),
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
                ["Training:Factors"] = "4",
                ["Training:Epochs"] = "3",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            for (var n = 1; n <= 12; n++)
            {
                string[] tags = n % 2 == 0 ? [$"tag{n % 3}", "even"] : [$"tag{n % 3}"];
                await Client.SendTextAsync(
                    HttpMethod.Put,
                    $"/v1/items/i{n:D2}",
                    JsonSerializer.Serialize(new { tags }),
                    expected: HttpStatusCode.Created
                );
            }

            var interactions = new JsonArray();
            for (var n = 0; n < 240; n++)
            {
                interactions.Add(
                    new JsonObject
                    {
                        ["userId"] = $"u{n % 30}",
                        ["itemId"] = $"i{1 + (((n % 30) + (n / 30)) % 12):D2}",
                        ["type"] = "view",
                        ["occurredAt"] = $"2026-01-01T10:{n / 30:D2}:00Z",
                    }
                );
            }

            await Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
            await Client.TrainAsync();
            while ((await Client.PostJsonAsync("/v1/recommendations", new JsonObject())).GetProperty("source").GetString() != "model")
            {
                await Task.Delay(50);
            }
        }
    }
}
