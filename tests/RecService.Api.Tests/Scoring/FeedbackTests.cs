using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Scoring;

/// <summary>What interactions of each type mean: for what a user has seen or dislikes, for popularity, and where the settings do not name one.</summary>
public sealed class FeedbackTests(FeedbackTests.Service service) : IClassFixture<FeedbackTests.Service>
{
    [Fact]
    public async Task Impressions_do_not_hide_an_item_and_what_was_bought_is_hidden_unless_it_may_come_again()
    {
        await PostAsync("seer", "i01", "impression");
        (await ItemsAsync("seer")).ShouldContain("i01");

        await PostAsync("seer", "i02", "purchase");
        (await ItemsAsync("seer")).ShouldNotContain("i02");
        (await ItemsAsync("seer", new() { ["excludeSeen"] = false })).ShouldContain("i02");
        (await ItemsAsync("seer", new() { ["seenTypes"] = new JsonArray("Impression") })).ShouldSatisfyAllConditions(
            items => items.ShouldContain("i02"),
            items => items.ShouldNotContain("i01")
        );
    }

    [Fact]
    public async Task What_was_seen_long_ago_may_come_again()
    {
        await PostAsync("returner", "i03", "purchase", daysAgo: 40);
        await PostAsync("returner", "i04", "purchase", daysAgo: 20);

        var items = await ItemsAsync("returner", new() { ["seenWithin"] = "30.00:00:00" });

        items.ShouldContain("i03");
        items.ShouldNotContain("i04");
    }

    [Theory]
    [InlineData("dislike", null)]
    [InlineData("like", -1)]
    [InlineData("like", 0)]
    public async Task What_a_user_dislikes_is_never_recommended_to_that_user_again(string type, int? value)
    {
        var user = $"critic-{type}-{value}";
        await PostAsync(user, "i05", type, value, daysAgo: 400);

        (await ItemsAsync(user)).ShouldNotContain("i05");
        (await ItemsAsync(user, new() { ["excludeSeen"] = false })).ShouldNotContain("i05");
        (await ItemsAsync(user, new() { ["seenWithin"] = "1.00:00:00" })).ShouldNotContain("i05");
        (await PersonalizationAsync(user)).ShouldBe("none");
    }

    [Fact]
    public async Task What_has_a_value_out_of_the_bounds_of_its_type_says_nothing()
    {
        await PostAsync("wild", "i09", "stars", 1_000);
        await PostAsync("wild", "i10", "stars", 0);
        await PostAsync("wild", "i11", "thumb-down", 7);

        (await ItemsAsync("wild")).ShouldSatisfyAllConditions(
            items => items.ShouldContain("i09"),
            items => items.ShouldContain("i10"),
            items => items.ShouldContain("i11")
        );
        (await PersonalizationAsync("wild")).ShouldBe("none");

        await PostAsync("tame", "i09", "stars", 5);
        await PostAsync("tame", "i11", "thumb-down", 1);

        (await ItemsAsync("tame")).ShouldSatisfyAllConditions(items => items.ShouldNotContain("i09"), items => items.ShouldNotContain("i11"));
        (await PersonalizationAsync("tame")).ShouldBe("history");
    }

    [Fact]
    public async Task Popularity_counts_no_value_out_of_the_bounds_of_its_type()
    {
        for (var n = 0; n < 40; n++)
        {
            await PostAsync($"crowd-{n}", "wild-item", "stars", 1_000);
            await PostAsync($"crowd-{n}", n < 35 ? "tame-item" : "wild-item", "stars", 5);
        }

        using var limit = new CancellationTokenSource(Backstop.Limit);
        List<string> popular = [];
        while (!popular.Contains("tame-item"))
        {
            await Task.Delay(50, limit.Token);
            popular = Ids(await service.Client.GetJsonAsync("/v1/recommendations/popular?count=3"));
        }

        popular.ShouldNotContain("wild-item");
    }

    [Theory]
    [InlineData("seenWithin", "\"a month\"", "filter.seenWithin")]
    [InlineData("seenWithin", "\"-1.00:00:00\"", "filter.seenWithin")]
    [InlineData("seenWithin", "\"00:00:00\"", "filter.seenWithin")]
    [InlineData("seenTypes", "[\"view\", \"\"]", "filter.seenTypes[1]")]
    public async Task What_is_wrong_about_the_seen_is_told_by_field(string field, string json, string expected)
    {
        var problem = await service.Client.PostJsonAsync(
            "/v1/recommendations",
            new JsonObject { ["filter"] = new JsonObject { [field] = JsonNode.Parse(json) } },
            System.Net.HttpStatusCode.BadRequest
        );

        problem.Errors().Keys.ShouldBe([expected]);
    }

    [Fact]
    public async Task Types_are_listed_with_what_the_settings_make_of_them()
    {
        await PostAsync("typist", "i06", "purchse");
        await PostAsync("typist", "i06", "dislike");
        await PostAsync("typist", "i06", "impression");

        var types = (await service.Client.GetJsonAsync("/v1/interactions/types"))
            .GetProperty("types")
            .EnumerateArray()
            .ToDictionary(type => type.GetProperty("type").GetString()!, StringComparer.Ordinal);

        types["purchse"].GetProperty("meaning").GetString().ShouldBe("unknown");
        types["dislike"].GetProperty("meaning").GetString().ShouldBe("negative");
        types["impression"].GetProperty("meaning").GetString().ShouldBe("none");
        types["view"].GetProperty("meaning").GetString().ShouldBe("positive");
        types["view"].GetProperty("count").GetInt32().ShouldBe(240);
        types["purchse"].GetProperty("count").GetInt32().ShouldBe(1);
        types["purchse"].GetProperty("newest").GetDateTimeOffset().ShouldBeInRange(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task Types_that_nobody_configured_are_counted_by_the_run_and_told_by_health()
    {
        await PostAsync("sloppy", "i07", "purchsae");
        var run = await service.Client.TrainAsync();
        run.GetProperty("rows").GetProperty("dropped").GetProperty("type-not-mapped:purchsae").GetInt32().ShouldBe(1);

        while (true)
        {
            var health = await service.Client.GetJsonAsync("/health/ready");
            if (health.ToString().Contains("Training:Types does not name", StringComparison.Ordinal))
            {
                health.GetProperty("status").GetString().ShouldBe("Degraded");
                break;
            }

            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task What_is_taken_after_an_item_is_what_a_visitor_gets_who_just_took_it()
    {
        JsonElement next, visitor;
        do
        {
            // The model of a run that another test has made may be served from one to the other.
            next = await service.Client.GetJsonAsync("/v1/items/i08/next?count=5");
            visitor = await service.Client.PostJsonAsync(
                "/v1/recommendations",
                new JsonObject { ["recentItems"] = new JsonArray(new JsonObject { ["itemId"] = "i08" }), ["count"] = 5 }
            );
        } while (next.GetProperty("modelVersion").GetInt64() != visitor.GetProperty("modelVersion").GetInt64());

        next.GetProperty("personalization").GetString().ShouldBe("history");
        Ids(next).ShouldBe(Ids(visitor));
        Ids(next).Count.ShouldBe(5);
        Ids(next).ShouldNotContain("i08");
        await service.Client.GetJsonAsync("/v1/items/nowhere/next", System.Net.HttpStatusCode.NotFound);
        await service.Client.GetJsonAsync("/v1/items/i08/next?count=0", System.Net.HttpStatusCode.BadRequest);
    }

    private static List<string> Ids(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    private async Task<List<string>> ItemsAsync(string user, JsonObject? filter = null) =>
        Ids(
            await service.Client.PostJsonAsync(
                "/v1/recommendations",
                new JsonObject
                {
                    ["userId"] = user,
                    ["count"] = 100,
                    ["filter"] = filter,
                }
            )
        );

    private async Task<string?> PersonalizationAsync(string user) =>
        (await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject { ["userId"] = user })).GetProperty("personalization").GetString();

    private Task PostAsync(string user, string item, string type, double? value = null, int daysAgo = 0) =>
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
                ["Training:Types:stars:Minimum"] = "1",
                ["Training:Types:stars:Maximum"] = "5",
                ["Training:Types:thumb-down:Weight"] = "-2",
                ["Training:Types:thumb-down:Maximum"] = "1",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
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
