using System.Net;
using System.Net.Http.Json;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed class RateLimitTests(RateLimitTests.Service service) : IClassFixture<RateLimitTests.Service>
{
    [Fact]
    public async Task A_key_over_its_limit_is_told_when_to_come_back_and_others_are_served()
    {
        var (key, _) = await service.NewKeyAsync("eager", Roles.Ingest);
        using var refused = await UntilRefusedAsync(key);
        refused.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        refused.Headers.RetryAfter!.Delta!.Value.ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(101));

        var (other, _) = await service.NewKeyAsync("another", Roles.Ingest);
        (await GetAsync(other)).ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Callers_without_a_valid_key_are_limited_by_address_and_keep_nobody_out()
    {
        using var refused = await UntilRefusedAsync(TestKey.Text.Replace("testsadmin", "nobodyhere", StringComparison.Ordinal));
        (await GetAsync(null)).ShouldBe(HttpStatusCode.TooManyRequests);
        (await GetAsync(TestKey.Text)).ShouldBe(HttpStatusCode.OK);

        using var health = await service.Stranger.GetAsync(new Uri("/health/live", UriKind.Relative));
        health.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_batch_of_requests_counts_as_many_up_to_those_that_may_come_at_once()
    {
        var (key, _) = await service.NewKeyAsync("in batches", Roles.Score);
        (await PostBatchAsync(key, requests: 15)).ShouldBe(HttpStatusCode.OK);
        (await PostBatchAsync(key, requests: 6)).ShouldBe(HttpStatusCode.TooManyRequests);
        (await PostBatchAsync(key, requests: 1)).ShouldBe(HttpStatusCode.OK);

        var (other, _) = await service.NewKeyAsync("in one", Roles.Score);
        (await PostBatchAsync(other, requests: 100)).ShouldBe(HttpStatusCode.OK);
        (await PostBatchAsync(other, requests: 1)).ShouldBe(HttpStatusCode.TooManyRequests);
    }

    private async Task<HttpStatusCode> PostBatchAsync(string key, int requests)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/recommendations/batch")
        {
            Headers = { { TestKey.Header, key } },
            Content = JsonContent.Create(new { requests = Enumerable.Repeat(new { count = 1 }, requests) }),
        };
        using var answer = await service.Stranger.SendAsync(request);
        answer.Headers.Contains("Retry-After").ShouldBe(answer.StatusCode == HttpStatusCode.TooManyRequests);
        return answer.StatusCode;
    }

    private async Task<HttpResponseMessage> UntilRefusedAsync(string key)
    {
        for (var attempt = 0; attempt < 50; attempt++)
        {
            using var request = Request(key);
            var answer = await service.Stranger.SendAsync(request);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                return answer;
            }

            answer.Dispose();
        }

        throw new InvalidOperationException("No request was refused.");
    }

    private async Task<HttpStatusCode> GetAsync(string? key)
    {
        using var request = Request(key);
        using var answer = await service.Stranger.SendAsync(request);
        return answer.StatusCode;
    }

    private static HttpRequestMessage Request(string? key)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users");
        if (key is not null)
        {
            request.Headers.Add(TestKey.Header, key);
        }

        return request;
    }

    public sealed class Service(DatabaseServer server) : KeyedService(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>
            {
                ["Training:Enabled"] = "false",
                ["Access:KeyLimit:PerSecond"] = "0.01",
                ["Access:KeyLimit:Burst"] = "20",
                ["Access:AnonymousLimit:PerSecond"] = "0.01",
                ["Access:AnonymousLimit:Burst"] = "5",
            };
    }
}
