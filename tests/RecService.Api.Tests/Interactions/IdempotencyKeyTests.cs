using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RecService.Api.Http;
using RecService.Api.Interactions;
using RecService.Api.Tests.Fixtures;
using KeyedService = RecService.Api.Tests.Access.KeyedService;

namespace RecService.Api.Tests.Interactions;

public sealed class IdempotencyKeyTests(KeyedService service) : IClassFixture<KeyedService>
{
    private const string Conflicting = """{"interactionId": "taken", "userId": "conflict", "itemId": "b", "type": "view"}""";

    [Fact]
    public async Task A_request_sent_again_is_answered_as_before_and_not_counted_again()
    {
        var body = Body("again", 3, "{\"userId\": \"\"}");
        var first = await SendAsync(service.Client, "again", body);
        var second = await SendAsync(service.Client, "again", body);

        first.GetProperty("accepted").GetInt32().ShouldBe(3);
        first.GetProperty("rejected").GetInt32().ShouldBe(1);
        second.GetRawText().ShouldBe(first.GetRawText());
        (await StoredAsync("again")).ShouldBe(3);
    }

    [Fact]
    public async Task Requests_with_one_key_at_the_same_time_at_two_processes_are_stored_once()
    {
        await using var replica = new RecServiceFactory(
            service.ConnectionString,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false" }
        );
        using var other = replica.CreateClient();
        var body = Body("at-once", 20);
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => SendAsync(i % 2 == 0 ? service.Client : other, "at-once", body)));

        answers.ShouldAllBe(answer => answer.GetProperty("accepted").GetInt32() == 20);
        (await StoredAsync("at-once")).ShouldBe(20);
    }

    [Fact]
    public async Task A_key_that_stands_for_another_body_is_refused()
    {
        await SendAsync(service.Client, "other body", Body("body", 1));
        var refused = await SendAsync(service.Client, "other body", Body("body", 2), HttpStatusCode.UnprocessableEntity);

        refused.GetProperty("type").GetString().ShouldBe("/problems/idempotency-key-reused");
        (await StoredAsync("body")).ShouldBe(1);
    }

    [Fact]
    public async Task Callers_do_not_share_their_keys()
    {
        var (key, _) = await service.NewKeyAsync("other caller", Roles.Ingest);
        await SendAsync(service.Client, "shared", Body("shared", 1));
        using var request = Request(service.Client, "shared", Body("shared", 2));
        request.Headers.Remove(TestKey.Header);
        request.Headers.Add(TestKey.Header, key);
        using var answer = await service.Stranger.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await StoredAsync("shared")).ShouldBe(3);
    }

    [Fact]
    public async Task A_request_of_which_nothing_was_stored_may_be_corrected_under_its_key()
    {
        await SendAsync(
            service.Client,
            "first",
            """{"interactions": [{"interactionId": "taken", "userId": "conflict", "itemId": "a", "type": "view"}]}"""
        );
        await SendAsync(service.Client, "corrected", """{"interactions": [{"userId": ""}]}""", HttpStatusCode.BadRequest);
        await SendAsync(service.Client, "corrected", $$"""{"interactions": [{{Conflicting}}]}""", HttpStatusCode.BadRequest);
        (await SendAsync(service.Client, "corrected", Body("corrected", 1))).GetProperty("accepted").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task After_a_day_a_key_is_free_and_its_answer_is_removed()
    {
        await SendAsync(service.Client, "yesterday", Body("yesterday", 1));
        await SendAsync(service.Client, "yesterday too", Body("yesterday", 1));
        await service.ScalarAsync<int>(
            "WITH aged AS (UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key LIKE 'yesterday%' RETURNING 1) SELECT count(*)::int FROM aged"
        );
        await SendAsync(service.Client, "yesterday", Body("yesterday", 2));
        (await StoredAsync("yesterday")).ShouldBe(4);

        await service.Factory.Services.GetServices<IHostedService>().OfType<IdempotencyKeys>().Single().PruneAsync(CancellationToken.None);
        (await service.ScalarAsync<string[]>("SELECT array_agg(key) FROM idempotency_keys WHERE key LIKE 'yesterday%'")).ShouldBe(["yesterday"]);
    }

    [Fact]
    public async Task A_key_that_is_too_long_is_named() =>
        (await SendAsync(service.Client, new string('k', 257), Body("long", 1), HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["Idempotency-Key"]);

    [Theory]
    [InlineData("application/x-ndjson", """{"userId": "KEY", "itemId": "i", "type": "view"}""", "{}")]
    [InlineData("text/csv", "userId,itemId,type\nKEY,i,view", ",i,view")]
    public async Task An_import_sent_again_is_answered_as_before_and_not_counted_again(string mediaType, string valid, string invalid)
    {
        var user = $"import of {mediaType}";
        var body = $"{valid}\n{invalid}\n".Replace("KEY", user, StringComparison.Ordinal);

        var first = await ImportAsync(user, body, mediaType, HttpStatusCode.OK);
        var second = await ImportAsync(user, body, mediaType, HttpStatusCode.OK);

        first.GetProperty("accepted").GetInt32().ShouldBe(1);
        first.GetProperty("rejected").GetInt32().ShouldBe(1);
        second.GetRawText().ShouldBe(first.GetRawText());
        (await StoredAsync(user)).ShouldBe(1);
    }

    [Fact]
    public async Task Imports_with_one_key_at_the_same_time_are_stored_once()
    {
        var body = string.Concat(Enumerable.Repeat("""{"userId": "imports-at-once", "itemId": "i", "type": "view"}""" + "\n", 500));

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ImportAsync("imports at once", body, "application/x-ndjson", HttpStatusCode.OK)));

        (await StoredAsync("imports-at-once")).ShouldBe(500);
    }

    [Fact]
    public async Task Columns_are_part_of_what_a_key_of_an_import_stands_for()
    {
        const string body = "userId,itemId\nother-columns,i\n";
        await ImportAsync("columns", body, "text/csv", HttpStatusCode.OK, "?type==view");

        var refused = await ImportAsync("columns", body, "text/csv", HttpStatusCode.UnprocessableEntity, "?type==click");

        refused.GetProperty("type").GetString().ShouldBe("/problems/idempotency-key-reused");
        (await StoredAsync("other-columns")).ShouldBe(1);
    }

    [Fact]
    public async Task An_import_of_which_nothing_was_stored_may_be_corrected_under_its_key()
    {
        (await ImportAsync("corrected import", "{}", "application/x-ndjson", HttpStatusCode.OK)).GetProperty("rejected").GetInt32().ShouldBe(1);
        await ImportAsync("corrected import", """{"userId": "corrected-import", "itemId": "i", "type": "view"}""", "application/x-ndjson", HttpStatusCode.OK);

        (await StoredAsync("corrected-import")).ShouldBe(1);
    }

    private async Task<JsonElement> ImportAsync(string key, string body, string mediaType, HttpStatusCode expected, string query = "")
    {
        using var request = Request(service.Client, key, body);
        request.RequestUri = HttpClientExtensions.Address(service.Client, $"/v1/interactions/import{query}");
        request.Content!.Headers.ContentType = new(mediaType);
        using var answer = await service.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static string Body(string user, int count, params string[] more) =>
        $$"""{"interactions": [{{string.Join(", ", Enumerable.Range(0, count).Select(i => $$"""{"userId": "{{user}}", "itemId": "i{{i}}", "type": "view"}""").Concat(more))}}]}""";

    private static HttpRequestMessage Request(HttpClient client, string key, string body) =>
        new(HttpMethod.Post, new Uri(client.BaseAddress!, "/v1/interactions"))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
            Headers = { { "Idempotency-Key", key } },
        };

    private static async Task<JsonElement> SendAsync(HttpClient client, string key, string body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var request = Request(client, key, body);
        using var answer = await client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private Task<long> StoredAsync(string user) =>
        service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id = $1", user);
}
