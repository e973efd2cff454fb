using System.Net;
using System.Text;
using System.Text.Json;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>The service below a path of a proxy's.</summary>
public sealed class PathPrefixTests(PathPrefixTests.Configured configured, PathPrefixTests.Forwarded forwarded, KeyedService plain)
    : IClassFixture<PathPrefixTests.Configured>,
        IClassFixture<PathPrefixTests.Forwarded>,
        IClassFixture<KeyedService>
{
    [Theory]
    [InlineData("")]
    [InlineData("/shop/recs")]
    public async Task A_configured_path_is_taken_off_where_the_proxy_has_left_it_and_put_before_addresses_in_any_case(string sent)
    {
        var user = $"a%2F{Guid.NewGuid():N}";
        var escaped = Uri.EscapeDataString(user);
        using var answer = await SendAsync(configured, HttpMethod.Put, $"{sent}/v1/users/{escaped}", prefix: null);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        answer.Headers.Location!.ToString().ShouldBe($"/shop/recs/v1/users/{escaped}");
        (await configured.Client.GetJsonAsync($"{sent}/v1/users/{escaped}")).GetProperty("userId").GetString().ShouldBe(user);
        (await ServerAsync(configured, sent, prefix: null)).ShouldBe("/shop/recs");
        using var root = await SendAsync(configured, HttpMethod.Get, $"{sent}/", prefix: null);
        root.Headers.Location!.ToString().ShouldBe("/shop/recs/dashboard");
        using var page = await SendAsync(configured, HttpMethod.Get, $"{sent}/dashboard/keys", prefix: null);
        page.Headers.Location!.ToString().ShouldBe("/shop/recs/dashboard/sign-in?returnTo=%2Fdashboard%2Fkeys");
        (await configured.Client.GetStringAsync(HttpClientExtensions.Address(configured.Client, $"{sent}/swagger/index.js"))).ShouldContain(
            "\"../openapi/v1.json\""
        );
        using var health = await SendAsync(configured, HttpMethod.Get, $"{sent}/health/live", prefix: null);
        health.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("/shop/recs")]
    [InlineData("/a.b_c~d-e")]
    public async Task The_path_that_a_trusted_proxy_names_comes_before_addresses(string prefix)
    {
        using var answer = await SendAsync(forwarded, HttpMethod.Put, $"/v1/users/{Guid.NewGuid():N}", prefix);
        answer.Headers.Location!.ToString().ShouldStartWith($"{prefix}/v1/users/");
        (await ServerAsync(forwarded, "", prefix)).ShouldBe(prefix);
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("/a/../b")]
    [InlineData("/a\"b")]
    [InlineData("/a b")]
    [InlineData("/a/")]
    [InlineData("/%C3%A4")]
    public async Task What_is_no_plain_path_is_no_prefix(string prefix)
    {
        using var answer = await SendAsync(forwarded, HttpMethod.Put, $"/v1/users/{Guid.NewGuid():N}", prefix);
        answer.Headers.Location!.ToString().ShouldStartWith("/v1/users/");
        (await ServerAsync(forwarded, "", prefix)).ShouldBe("/");
    }

    [Fact]
    public async Task A_path_that_anybody_else_names_does_not_count()
    {
        using var answer = await SendAsync(plain, HttpMethod.Put, $"/v1/users/{Guid.NewGuid():N}", "/shop");
        answer.Headers.Location!.ToString().ShouldStartWith("/v1/users/");
        (await ServerAsync(plain, "", "/shop")).ShouldBe("/");
    }

    [Theory]
    [InlineData("shop")]
    [InlineData("/shop/")]
    [InlineData("/")]
    public async Task A_path_that_is_none_is_refused_at_the_start(string path)
    {
        using var process = new ServiceProcess(("ConnectionStrings:RecService", plain.ConnectionString), ("Proxy:PathBase", path));
        (await process.ExitAsync()).ShouldBe(1);
        process.Output.ShouldContain("Proxy:PathBase must be a path");
    }

    private static async Task<HttpResponseMessage> SendAsync(KeyedService service, HttpMethod method, string path, string? prefix)
    {
        using var request = new HttpRequestMessage(method, HttpClientExtensions.Address(service.Client, path));
        request.Headers.Add(TestKey.Header, TestKey.Text);
        if (prefix is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", prefix);
        }

        request.Content = method == HttpMethod.Put ? new StringContent("{}", Encoding.UTF8, "application/json") : null;
        return await service.Stranger.SendAsync(request);
    }

    private static async Task<string?> ServerAsync(KeyedService service, string sent, string? prefix)
    {
        using var answer = await SendAsync(service, HttpMethod.Get, $"{sent}/openapi/v1.json", prefix);
        using var document = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync());
        return document.RootElement.GetProperty("servers")[0].GetProperty("url").GetString();
    }

    public sealed class Configured(DatabaseServer server) : KeyedService(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false", ["Proxy:PathBase"] = "/shop/recs" };
    }

    public sealed class Forwarded(DatabaseServer server) : KeyedService(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Proxy:Trusted:0"] = "127.0.0.0/8",
                ["Proxy:Trusted:1"] = "::1",
            };
    }
}
