using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Scoring;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

/// <summary>What a process has in memory of a user says nothing that the database would not say at the time of the answer, whichever process has changed it.</summary>
public sealed class CachedUserTests(TrainedService service, DatabaseServer server) : IClassFixture<TrainedService>, IAsyncLifetime
{
    private const string Path = "/v1/recommendations";

    private RecServiceFactory _second = null!;
    private HttpClient _other = null!;

    public ValueTask InitializeAsync()
    {
        _second = new RecServiceFactory(service.ConnectionString, new Dictionary<string, string> { ["Training:Enabled"] = "false" });
        _other = _second.CreateClient();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _other.Dispose();
        return _second.DisposeAsync();
    }

    [Fact]
    public async Task A_known_user_takes_one_round_trip_from_the_second_request_on_and_nobody_takes_one_always()
    {
        var request = Request("settled");
        await RateAsync("settled", "i001");

        (await DatabaseReads.OfAsync(service.Client, Path, request)).Reads.Count.ShouldBe(2);
        var (second, reads) = await DatabaseReads.OfAsync(service.Client, Path, request);

        reads.Count.ShouldBe(1);
        second.GetProperty("userKnown").GetBoolean().ShouldBeTrue();
        Ids(second).ShouldNotContain("i001");
        (await DatabaseReads.OfAsync(service.Client, Path, new { count = 5 })).Reads.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_interaction_and_its_deletion_by_another_process_count_in_the_next_answer()
    {
        await RateAsync("busy", "i001");
        Ids(await CachedAsync("busy")).ShouldContain("i002");

        await RateAsync("busy", "i002");
        Ids(await RecommendAsync("busy")).ShouldNotContain("i002");

        await CachedAsync("busy");
        await _other.DeleteJsonAsync("/v1/interactions?userId=busy&itemId=i002");
        Ids(await RecommendAsync("busy")).ShouldContain("i002");
    }

    [Fact]
    public async Task Interactions_that_take_the_place_of_as_many_others_count()
    {
        // The keys have the sum and the exclusive or of those before.
        await RateAsync("swapped", "i001");
        await CachedAsync("swapped");
        await ReplaceAsync("i002", 0, 3, 5, 6);
        Ids(await CachedAsync("swapped")).ShouldNotContain("i002");
        await ReplaceAsync("i003", 1, 2, 4, 7);

        var ids = Ids(await RecommendAsync("swapped"));
        ids.ShouldContain("i002");
        ids.ShouldNotContain("i003");

        async Task ReplaceAsync(string item, params long[] keys)
        {
            await using var connection = await service.Database.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            var user = await connection.ScalarAsync<long>("SELECT user_key FROM users WHERE user_id = 'swapped'", CancellationToken.None);
            await connection.ExecuteAsync("DELETE FROM interactions WHERE user_key = $1", CancellationToken.None, user);
            const string insert = """
                INSERT INTO interactions (user_key, interaction_key, item_key, type, value, occurred_at, received_at)
                SELECT $1, 1000000000 + key, item_key, 'rating', 5, now(), now() FROM items, unnest($2) AS key WHERE item_id = $3
                """;
            (await connection.ExecuteAsync(insert, CancellationToken.None, user, keys, item)).ShouldBe(keys.Length);
            await transaction.CommitAsync();
        }
    }

    [Fact]
    public async Task An_item_that_another_process_switches_off_or_deletes_is_gone_from_the_next_answer()
    {
        await _other.PutJsonAsync("/v1/users/visitor", new { }, HttpStatusCode.Created);
        Ids(await CachedAsync("visitor")).ShouldContain("i088");
        await _other.PutJsonAsync("/v1/items/i088", new { available = false });
        Ids(await RecommendAsync("visitor")).ShouldNotContain("i088");

        Ids(await CachedAsync("visitor")).ShouldContain("i089");
        await _other.DeleteJsonAsync("/v1/items/i089", HttpStatusCode.NoContent);
        Ids(await RecommendAsync("visitor")).ShouldNotContain("i089");
    }

    [Fact]
    public async Task What_another_process_stores_of_the_user_counts_in_the_next_answer()
    {
        await _other.PutJsonAsync("/v1/users/mover", new { attributes = new { country = "it", age = 60 } }, HttpStatusCode.Created);
        var before = Scores(await CachedAsync("mover"));
        await _other.PutJsonAsync("/v1/users/mover", new { attributes = new { country = "no", age = 19 } });
        await _other.PutJsonAsync("/v1/users/native", new { attributes = new { country = "no", age = 19 } }, HttpStatusCode.Created);

        var after = Scores(await RecommendAsync("mover"));
        after.ShouldNotBe(before);
        after.ShouldBe(Scores(await RecommendAsync("native")));
    }

    [Fact]
    public async Task A_user_erased_by_another_process_is_unknown_in_the_next_answer_and_leaves_the_memory()
    {
        await RateAsync("leaver", "i001");
        await CachedAsync("leaver");
        var cache = service.Factory.Services.GetRequiredService<UserCache>();
        var moment = cache.Moment;

        await _other.DeleteJsonAsync("/v1/users/leaver");
        var answer = await RecommendAsync("leaver");
        answer.GetProperty("userKnown").GetBoolean().ShouldBeFalse();
        Ids(answer).ShouldContain("i001");
        // Its receipt was waited for.
        cache.Moment.ShouldBeGreaterThan(moment);

        await RateAsync("leaver", "i002");
        answer = await RecommendAsync("leaver");
        answer.GetProperty("userKnown").GetBoolean().ShouldBeTrue();
        Ids(answer).ShouldNotContain("i002");
    }

    [Fact]
    public async Task In_a_batch_those_are_read_anew_who_have_changed()
    {
        await RateAsync("steady", "i001");
        await RateAsync("moving", "i001");
        await CachedAsync("steady");
        await CachedAsync("moving");
        await RateAsync("moving", "i002");
        JsonArray requests = [Request("steady"), Request("moving"), Request(null)];

        var (answer, reads) = await DatabaseReads.OfAsync(service.Client, $"{Path}/batch", new JsonObject { ["requests"] = requests });

        reads.Count.ShouldBe(3);
        List<string>[] ids = [.. answer.GetProperty("answers").EnumerateArray().Select(one => Ids(one.GetProperty("recommendation")))];
        ids[0].ShouldBe(Ids(await RecommendAsync("steady")));
        ids[0].ShouldContain("i002");
        ids[1].ShouldBe(Ids(await RecommendAsync("moving")));
        ids[1].ShouldNotContain("i002");
        ids[2].ShouldContain("i001");
    }

    [Fact]
    public async Task For_how_long_an_item_counts_as_seen_is_judged_by_each_request()
    {
        await RateAsync("forgetful", "i001", DateTimeOffset.UtcNow.AddHours(-2));
        await CachedAsync("forgetful");
        var request = Request("forgetful");
        request["filter"] = new JsonObject { ["seenWithin"] = "01:00:00" };

        var (answer, reads) = await DatabaseReads.OfAsync(service.Client, Path, request);
        reads.Count.ShouldBe(1);
        Ids(answer).ShouldContain("i001");
        request["filter"] = new JsonObject { ["seenWithin"] = "03:00:00" };
        Ids(await service.Client.PostJsonAsync(Path, request)).ShouldNotContain("i001");
    }

    [Fact]
    public async Task While_the_database_is_away_nothing_is_told_by_what_is_in_memory()
    {
        await RateAsync("patient", "i001");
        await CachedAsync("patient");
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            var answer = await RecommendAsync("patient");
            Degraded(answer).ShouldBe(["userFeatures", "seenItems", "items"]);
            answer.GetProperty("userKnown").ValueKind.ShouldBe(JsonValueKind.Null);
            Ids(answer).ShouldContain("i001");
        }
        finally
        {
            await server.AllowConnectionsAsync(service.ConnectionString, allow: true);
            using var limit = new CancellationTokenSource(Backstop.Limit);
            while (Degraded(await RecommendAsync("patient")).Count > 0)
            {
                await Task.Delay(50, limit.Token);
            }
        }

        Ids(await RecommendAsync("patient")).ShouldNotContain("i001");
    }

    /// <summary>An answer by what was in memory, so that the next one would be as well.</summary>
    private async Task<JsonElement> CachedAsync(string user)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (true)
        {
            var (answer, reads) = await DatabaseReads.OfAsync(service.Client, Path, Request(user));
            if (reads.Count == 1)
            {
                return answer;
            }

            limit.Token.ThrowIfCancellationRequested();
        }
    }

    private Task<JsonElement> RecommendAsync(string user) => service.Client.PostJsonAsync(Path, Request(user));

    private static JsonObject Request(string? user) => new() { ["userId"] = user, ["count"] = TrainedService.Items };

    /// <summary>Rates an item through the other process.</summary>
    private Task RateAsync(string user, string item, DateTimeOffset? time = null) =>
        _other.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = user,
                        ["itemId"] = item,
                        ["type"] = "rating",
                        ["value"] = 5,
                        ["occurredAt"] = (time ?? DateTimeOffset.UtcNow).ToString("O", CultureInfo.InvariantCulture),
                    }
                ),
            }
        );

    private static List<string> Ids(JsonElement answer) => [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    private static List<(string Id, float Score)> Scores(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => (item.GetProperty("itemId").GetString()!, item.GetProperty("score").GetSingle()))];

    private static List<string?> Degraded(JsonElement answer) => [.. answer.GetProperty("degraded").EnumerateArray().Select(part => part.GetString())];
}
