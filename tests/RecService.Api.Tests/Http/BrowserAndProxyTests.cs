using System.Net;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>What browsers and proxies are told.</summary>
public sealed class BrowserAndProxyTests(BrowserAndProxyTests.Service service, ServiceFixture plain)
    : IClassFixture<BrowserAndProxyTests.Service>,
        IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("/v1/users", HttpStatusCode.OK)]
    [InlineData("/v1/users?limit=0", HttpStatusCode.BadRequest)]
    [InlineData("/v1/users?limit=x", HttpStatusCode.BadRequest)]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound)]
    [InlineData("/swagger/index.html", HttpStatusCode.OK)]
    [InlineData("/health/live", HttpStatusCode.OK)]
    public async Task Every_answer_has_the_headers_that_keep_browsers_from_making_more_of_it(string path, HttpStatusCode expected)
    {
        using var answer = await plain.Client.GetAsync(HttpClientExtensions.Address(plain.Client, path));
        answer.StatusCode.ShouldBe(expected);
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        answer.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        answer
            .Headers.GetValues("Content-Security-Policy")
            .Single()
            .ShouldContain(path.StartsWith("/swagger", StringComparison.Ordinal) ? "default-src 'self'" : "default-src 'none'");
        (answer.Headers.CacheControl?.NoStore ?? false).ShouldBe(
            path.StartsWith("/v1", StringComparison.Ordinal) || path.StartsWith("/health", StringComparison.Ordinal)
        );
        answer.Headers.Contains("Server").ShouldBeFalse();
        answer.Headers.Contains("X-Powered-By").ShouldBeFalse();
    }

    [Theory]
    [InlineData("/health/ready", HttpStatusCode.OK)]
    [InlineData("/v1/users", HttpStatusCode.MethodNotAllowed)]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound)]
    public async Task The_answer_to_HEAD_has_no_body(string path, HttpStatusCode expected)
    {
        // That server, as HTTP/2 does, would send the body.
        await using var factory = new RecServiceFactory(plain.ConnectionString, inMemory: true);
        using var client = factory.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Head, HttpClientExtensions.Address(client, path));
        using var answer = await client.SendAsync(request);
        answer.StatusCode.ShouldBe(expected);
        (await answer.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_page_of_Swagger_UI_needs_no_more_than_its_policy_allows()
    {
        var page = await plain.Client.GetStringAsync(new Uri("/swagger/index.html", UriKind.Relative));
        page.ShouldNotContain("<script>");
        page.ShouldNotContain("http://");
        page.ShouldNotContain("https://");
    }

    [Fact]
    public async Task Pages_of_other_origins_may_call_only_if_the_origin_is_configured()
    {
        (await PreflightAsync(service, "https://shop.example")).ShouldBe("https://shop.example");
        (await PreflightAsync(service, "https://evil.example")).ShouldBeNull();
        (await PreflightAsync(plain, "https://shop.example")).ShouldBeNull();
    }

    [Fact]
    public async Task Forwarded_addresses_are_believed_from_configured_proxies_only()
    {
        // Without a key an address has five requests: behind trusted proxies, one or several, each forwarded address has its own.
        for (var i = 0; i < 24; i++)
        {
            (await StrangerAsync(service, i < 12 ? $"203.0.113.{i}" : $"203.0.113.{i}, 127.0.0.9")).ShouldBe(HttpStatusCode.Unauthorized);
        }

        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
        {
            answers.Add(await StrangerAsync(service, "203.0.113.200"));
        }

        answers.ShouldContain(HttpStatusCode.TooManyRequests);
    }

    private static async Task<string?> PreflightAsync(ServiceFixture fixture, string origin)
    {
        using var client = new HttpClient(new ContractCheck(new SocketsHttpHandler())) { BaseAddress = fixture.Client.BaseAddress };
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/recommendations")
        {
            Headers =
            {
                { "Origin", origin },
                { "Access-Control-Request-Method", "POST" },
                { "Access-Control-Request-Headers", "x-api-key,content-type" },
            },
        };
        using var answer = await client.SendAsync(request);
        return answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed) ? allowed.Single() : null;
    }

    private static async Task<HttpStatusCode> StrangerAsync(KeyedService fixture, string forwardedFor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users") { Headers = { { "X-Forwarded-For", forwardedFor } } };
        using var answer = await fixture.Stranger.SendAsync(request);
        return answer.StatusCode;
    }

    public sealed class Service(DatabaseServer server) : KeyedService(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>
            {
                ["Training:Enabled"] = "false",
                ["Access:AnonymousLimit:PerSecond"] = "0.01",
                ["Access:AnonymousLimit:Burst"] = "5",
                ["Cors:Origins:0"] = "https://shop.example",
                ["Proxy:Trusted:0"] = "127.0.0.0/8",
                ["Proxy:Trusted:1"] = "::1",
            };
    }
}
