using System.Net;
using System.Text.Json;
using RecService.Api.Interactions;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class BatchTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task An_interaction_is_stored_with_all_it_says_and_creates_its_user_and_item()
    {
        var before = DateTimeOffset.UtcNow;
        await PostAsync(
            """
            {"interactionId":"e1","userId":"full-u","itemId":"full-i","type":"rating","value":4.5,"occurredAt":"2024-05-01T12:00:00.123456+02:00",
             "tags":["x","y","x"],"context":{"device":"mobile","hour":13,"weekend":false,"campaigns":["a","b"]},"recommendationId":"r1"}
            """
        );

        var stored = (await Client.GetJsonAsync("/v1/interactions?userId=full-u")).GetProperty("interactions")[0];
        stored.GetProperty("interactionId").GetString().ShouldBe("e1");
        stored.GetProperty("itemId").GetString().ShouldBe("full-i");
        stored.GetProperty("type").GetString().ShouldBe("rating");
        stored.GetProperty("value").GetDouble().ShouldBe(4.5);
        stored.GetProperty("occurredAt").GetString().ShouldBe("2024-05-01T10:00:00.123456Z");
        stored.GetProperty("tags").Deserialize<string[]>().ShouldBe(["x", "y"]);
        stored.GetProperty("context").GetProperty("device").GetString().ShouldBe("mobile");
        stored.GetProperty("context").GetProperty("hour").GetDouble().ShouldBe(13);
        stored.GetProperty("context").GetProperty("weekend").GetBoolean().ShouldBeFalse();
        stored.GetProperty("context").GetProperty("campaigns").Deserialize<string[]>().ShouldBe(["a", "b"]);
        stored.GetProperty("recommendationId").GetString().ShouldBe("r1");
        stored.GetProperty("receivedAt").GetDateTimeOffset().ShouldBeGreaterThan(before);
        await Client.GetJsonAsync("/v1/users/full-u");
        (await Client.GetJsonAsync("/v1/items/full-i")).GetProperty("available").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Without_a_time_an_interaction_happened_when_it_was_received()
    {
        await PostAsync("""{"userId":"now-u","itemId":"i","type":"view"}""");
        var stored = (await Client.GetJsonAsync("/v1/interactions?userId=now-u")).GetProperty("interactions")[0];
        stored.GetProperty("occurredAt").GetString().ShouldBe(stored.GetProperty("receivedAt").GetString());
    }

    [Fact]
    public async Task The_same_id_with_the_same_payload_is_a_duplicate()
    {
        const string first =
            """{"interactionId":"same","userId":"dup-u","itemId":"i","type":"view","value":1,"tags":["a"],"context":{"a":1,"b":2}}""";
        const string again =
            """{"interactionId":"same","userId":"dup-u","itemId":"i","type":"view","value":1.0,"tags":["a"],"context":{"b":2,"a":1}}""";
        (await PostAsync(first)).ShouldBe((1, 0, 0));
        (await PostAsync(again)).ShouldBe((0, 1, 0));
        (await PostAsync(again, first, """{"interactionId":"other","userId":"dup-u","itemId":"i","type":"view"}""")).ShouldBe((1, 2, 0));
        (await CountAsync("dup-u")).ShouldBe(2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(DirectInsert.MaxRows)]
    [InlineData(DirectInsert.MaxRows + 1)]
    public async Task A_batch_of_any_size_stores_the_same_and_knows_what_another_size_stored(int count)
    {
        var batches = new[] { count, DirectInsert.MaxRows + 10, count }
            .Select(size => Enumerable.Range(0, size).Select(Interaction).ToArray())
            .ToArray();
        await PostAsync($$"""{"userId":"size-u-{{count}}","itemId":"size-i","type":"view"}""");
        (await PostAsync(batches[0])).ShouldBe((count, 0, 0));
        (await PostAsync(batches[1])).ShouldBe((batches[1].Length - count, count, 0));
        (await PostAsync(batches[2])).ShouldBe((0, count, 0));

        var stored = await Client.GetJsonAsync($"/v1/interactions?userId=size-u-{count}&type=rating&limit=1000");
        var rows = stored.GetProperty("interactions").EnumerateArray().OrderBy(row => row.GetProperty("value").GetDouble()).ToArray();
        rows.Length.ShouldBe(batches[1].Length);
        rows.Select(row => row.GetProperty("interactionId").GetString()).ShouldBe(Enumerable.Range(0, rows.Length).Select(i => $"size-{i}"));
        rows.Select(Rest).Distinct(StringComparer.Ordinal).ShouldHaveSingleItem().ShouldContain("2024-05-01T12:00:00.123456Z");

        // A time finer than what is stored.
        string Interaction(int i) =>
            $$"""
                {"interactionId":"size-{{i}}","userId":"size-u-{{count}}","itemId":"size-i","type":"rating","value":{{i}}.25,"occurredAt":"2024-05-01T12:00:00.1234567Z",
                 "tags":["x","y"],"context":{"device":"mobile","hour":13.5,"kinds":["a","b"]},"recommendationId":"r1"}
                """;

        static string Rest(JsonElement row) =>
            string.Join(
                ' ',
                row.EnumerateObject()
                    .Where(property => property.Name is not ("interactionId" or "value" or "receivedAt"))
                    .Select(property => property.Value.GetRawText())
            );
    }

    [Fact]
    public async Task A_small_batch_of_which_something_is_new_stored_or_repeated_counts_each_once()
    {
        const string known = """{"interactionId":"mixed-1","userId":"mixed-u","itemId":"mixed-i","type":"view"}""";
        const string fresh = """{"interactionId":"mixed-2","userId":"mixed-u","itemId":"mixed-i","type":"view"}""";
        const string other = """{"userId":"mixed-u","itemId":"mixed-i","type":"view"}""";
        await PostAsync(known);
        (await PostAsync(other, fresh, known)).ShouldBe((2, 1, 0));
        (await PostAsync(other, """{"userId":"mixed-u","itemId":"mixed-new-i","type":"view"}""")).ShouldBe((2, 0, 0));
        (
            await PostAsync(
                other,
                """{"interactionId":"mixed-3","userId":"mixed-u","itemId":"mixed-i","type":"view"}""",
                """{"interactionId":"mixed-3","userId":"mixed-u","itemId":"mixed-i","type":"click"}"""
            )
        ).ShouldBe((2, 0, 1));
        (await CountAsync("mixed-u")).ShouldBe(7);
    }

    [Fact]
    public async Task A_small_batch_makes_the_users_and_items_of_what_it_stores_and_of_nothing_else()
    {
        const string first = """{"interactionId":"makes-1","userId":"makes-u","itemId":"makes-i","type":"view"}""";
        (await PostAsync(first)).ShouldBe((1, 0, 0));
        const string conflict = """{"interactionId":"makes-1","userId":"makes-u","itemId":"makes-no-i","type":"view"}""";
        await SendAsync([conflict], HttpStatusCode.BadRequest);
        (
            await PostAsync(
                conflict,
                """{"userId":"makes-u-2","itemId":"makes-i-2","type":"view"}""",
                """{"userId":"makes-u-2","itemId":"makes-i","type":"view"}"""
            )
        ).ShouldBe((2, 0, 1));
        await Client.GetJsonAsync("/v1/items/makes-no-i", HttpStatusCode.NotFound);
        await Client.GetJsonAsync("/v1/items/makes-i-2");
        await Client.GetJsonAsync("/v1/users/makes-u-2");
    }

    [Fact]
    public async Task The_same_id_of_another_user_is_another_interaction()
    {
        (
            await PostAsync(
                """{"interactionId":"shared","userId":"shared-1","itemId":"i","type":"view"}""",
                """{"interactionId":"shared","userId":"shared-2","itemId":"i","type":"view"}"""
            )
        ).ShouldBe((2, 0, 0));
    }

    [Theory]
    [InlineData(
        """{"interactionId":"c","userId":"conflict-u","itemId":"conflict-other","type":"view","value":1,"occurredAt":"2024-01-01T00:00:00Z"}"""
    )]
    [InlineData("""{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"click","value":1,"occurredAt":"2024-01-01T00:00:00Z"}""")]
    [InlineData("""{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","occurredAt":"2024-01-01T00:00:00Z"}""")]
    [InlineData("""{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","value":1,"occurredAt":"2024-01-02T00:00:00Z"}""")]
    [InlineData(
        """{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","value":1,"tags":["t"],"occurredAt":"2024-01-01T00:00:00Z"}"""
    )]
    [InlineData(
        """{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","value":1,"context":{"d":1},"occurredAt":"2024-01-01T00:00:00Z"}"""
    )]
    [InlineData(
        """{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","value":1,"recommendationId":"r","occurredAt":"2024-01-01T00:00:00Z"}"""
    )]
    public async Task The_same_id_with_another_payload_is_rejected_and_creates_nothing(string other)
    {
        const string first =
            """{"interactionId":"c","userId":"conflict-u","itemId":"conflict-i","type":"view","value":1,"occurredAt":"2024-01-01T00:00:00Z"}""";
        await SendAsync([first], HttpStatusCode.OK);
        var problem = await SendAsync([other], HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe(["interactions[0].interactionId"]);

        // A time that is left out is not compared: the first sending's time of receipt is not known to the caller.
        (await PostAsync(first.Replace(""","occurredAt":"2024-01-01T00:00:00Z" """.Trim(), "", StringComparison.Ordinal))).ShouldBe((0, 1, 0));
        (await CountAsync("conflict-u")).ShouldBe(1);
        await Client.GetJsonAsync("/v1/items/conflict-other", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Inside_a_batch_the_first_of_an_id_counts()
    {
        var result = await SendAsync(
            [
                """{"interactionId":"b","userId":"in-batch","itemId":"i1","type":"view"}""",
                """{"interactionId":"b","userId":"in-batch","itemId":"i1","type":"view"}""",
                """{"interactionId":"b","userId":"in-batch","itemId":"in-batch-other","type":"view"}""",
                """{"userId":"in-batch","itemId":"i1","type":"view"}""",
                """{"userId":"in-batch","itemId":"i1","type":"view"}""",
            ],
            HttpStatusCode.OK
        );
        Counts(result).ShouldBe((3, 1, 1));
        result.GetProperty("errors")[0].GetProperty("index").GetInt32().ShouldBe(2);
        result.GetProperty("errors")[0].GetProperty("field").GetString().ShouldBe("interactionId");
        (await CountAsync("in-batch")).ShouldBe(3);
        await Client.GetJsonAsync("/v1/items/in-batch-other", HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("""{"itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":"","itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":"u\u0001","itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":"\ud800","itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":7,"itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":null,"itemId":"i","type":"view"}""", "userId")]
    [InlineData("""{"userId":"u","type":"view"}""", "itemId")]
    [InlineData("""{"userId":"u","itemId":"i"}""", "type")]
    [InlineData("""{"userId":"u","itemId":"i","type":"a view"}""", "type")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","value":"3"}""", "value")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","value":1e400}""", "value")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","occurredAt":"2024-01-01T00:00:00"}""", "occurredAt")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","occurredAt":"1969-12-31T23:59:59Z"}""", "occurredAt")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","occurredAt":"2999-01-01T00:00:00Z"}""", "occurredAt")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","interactionId":""}""", "interactionId")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","tags":["a",""]}""", "tags[1]")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","context":{"device":{}}}""", "context.device")]
    [InlineData("""{"userId":"u","itemId":"i","type":"view","userID":"x"}""", "userID")]
    [InlineData("""{"userId":"u","userId":"v","itemId":"i","type":"view"}""", "userId")]
    [InlineData("3", "")]
    [InlineData("null", "")]
    public async Task An_invalid_interaction_is_named_and_does_not_spoil_the_others(string invalid, string field)
    {
        var path = field.Length == 0 ? "interactions[0]" : $"interactions[0].{field}";
        (await SendAsync([invalid], HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe([path]);

        var user = $"spoil-{Guid.NewGuid():N}";
        var result = await SendAsync([$$"""{"userId":"{{user}}","itemId":"i","type":"view"}""", invalid], HttpStatusCode.OK);
        Counts(result).ShouldBe((1, 0, 1));
        result.GetProperty("errors")[0].GetProperty("index").GetInt32().ShouldBe(1);
        result.GetProperty("errors")[0].GetProperty("field").GetString().ShouldBe(field.Length == 0 ? "$" : field);
        (await CountAsync(user)).ShouldBe(1);
    }

    [Fact]
    public async Task A_null_in_a_context_is_as_if_the_name_were_not_there()
    {
        var user = $"nulls-{Guid.NewGuid():N}";
        var interaction = $$$"""{"userId":"{{{user}}}","itemId":"i","type":"view","context":{"device":null,"hour":7,"tags":null}}""";
        Counts(await SendAsync([interaction], HttpStatusCode.OK)).ShouldBe((1, 0, 0));
        await Client.SendTextAsync(HttpMethod.Post, "/v1/interactions/import", interaction, "application/x-ndjson");

        var stored = await Client.GetJsonAsync($"/v1/interactions?userId={user}");
        stored
            .GetProperty("interactions")
            .EnumerateArray()
            .Select(one => one.GetProperty("context").GetRawText())
            .ShouldBe(["""{"hour":7}""", """{"hour":7}"""]);
    }

    [Theory]
    [InlineData("""{"interactions":[]}""", "interactions")]
    [InlineData("""{"interactions":{}}""", "interactions")]
    [InlineData("{}", "interactions")]
    [InlineData("[]", "$")]
    [InlineData("""{"interactions":[{"userId":"u","itemId":"i","type":"v"}],"more":1}""", "more")]
    [InlineData("""{"interactions":[""", "$")]
    public async Task A_body_that_is_no_batch_is_refused(string body, string field)
    {
        var problem = await Client.SendTextAsync(HttpMethod.Post, "/v1/interactions", body, expected: HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe([field]);
    }

    [Fact]
    public async Task A_batch_is_bounded()
    {
        var element = """{"userId":"bounded","itemId":"i","type":"view"}""";
        (await SendAsync([.. Enumerable.Repeat(element, 10_001)], HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["interactions"]);
        Counts(await SendAsync([.. Enumerable.Repeat(element, 10_000)], HttpStatusCode.OK)).ShouldBe((10_000, 0, 0));
        (await CountAsync("bounded")).ShouldBe(10_000);
    }

    private async Task<(long Accepted, long Duplicates, long Rejected)> PostAsync(params string[] interactions) =>
        Counts(await SendAsync(interactions, HttpStatusCode.OK));

    private Task<JsonElement> SendAsync(string[] interactions, HttpStatusCode expected) =>
        Client.SendTextAsync(HttpMethod.Post, "/v1/interactions", $$"""{"interactions":[{{string.Join(',', interactions)}}]}""", expected: expected);

    private static (long Accepted, long Duplicates, long Rejected) Counts(JsonElement result) =>
        (result.GetProperty("accepted").GetInt64(), result.GetProperty("duplicates").GetInt64(), result.GetProperty("rejected").GetInt64());

    private Task<long> CountAsync(string userId) =>
        service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id = $1", userId);
}
