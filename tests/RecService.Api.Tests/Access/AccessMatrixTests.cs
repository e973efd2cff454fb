using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

/// <summary>Who may call what: every endpoint of the service, asked by every kind of caller.</summary>
public sealed class AccessMatrixTests(AccessMatrixTests.Service service, ITestOutputHelper output) : IClassFixture<AccessMatrixTests.Service>
{
    private const string Open = "open";

    /// <summary>For whoever has signed in; keys in headers are nothing to it.</summary>
    private const string Session = "session";

    /// <summary>The declaration: an endpoint that is missing here fails the test, and so does one that is gone.</summary>
    private static readonly Dictionary<string, string> Declared = new(StringComparer.Ordinal)
    {
        ["GET /"] = Open,
        ["GET /favicon.ico"] = Open,
        ["* /health/live"] = Open,
        ["* /health/startup"] = Open,
        ["* /health/ready"] = Open,
        ["GET /openapi/v1.json"] = Open,
        ["* /swagger/{**path}"] = Open,

        ["POST /v1/recommendations"] = Roles.Score,
        ["POST /v1/recommendations/batch"] = Roles.Score,
        ["GET /v1/recommendations/popular"] = Roles.Score,
        ["POST /v1/scores"] = Roles.Score,
        ["POST /v1/cross-features"] = Roles.Score,
        ["GET /v1/items/{itemId}/similar"] = Roles.Score,
        ["GET /v1/items/{itemId}/next"] = Roles.Score,

        ["PUT /v1/users/{userId}"] = Roles.Ingest,
        ["GET /v1/users/{userId}"] = Roles.Ingest,
        ["DELETE /v1/users/{userId}"] = Roles.Ingest,
        ["GET /v1/users"] = Roles.Ingest,
        ["POST /v1/users/import"] = Roles.Ingest,
        ["PUT /v1/items/{itemId}"] = Roles.Ingest,
        ["GET /v1/items/{itemId}"] = Roles.Ingest,
        ["DELETE /v1/items/{itemId}"] = Roles.Ingest,
        ["GET /v1/items"] = Roles.Ingest,
        ["POST /v1/items/import"] = Roles.Ingest,
        ["POST /v1/interactions"] = Roles.Ingest,
        ["POST /v1/interactions/import"] = Roles.Ingest,
        ["GET /v1/interactions"] = Roles.Ingest,
        ["GET /v1/interactions/types"] = Roles.Ingest,

        ["DELETE /v1/interactions"] = Roles.Admin,
        ["GET /v1/interactions/export"] = Roles.Admin,
        ["GET /v1/exports/users"] = Roles.Admin,
        ["GET /v1/exports/items"] = Roles.Admin,
        ["POST /v1/training-runs"] = Roles.Admin,
        ["GET /v1/training-runs"] = Roles.Admin,
        ["GET /v1/training-runs/plan"] = Roles.Admin,
        ["GET /v1/training-runs/{runId:long}"] = Roles.Admin,
        ["POST /v1/training-runs/{runId:long}/cancel"] = Roles.Admin,
        ["GET /v1/training-runs/{runId:long}/events"] = Roles.Admin,
        ["GET /v1/models"] = Roles.Admin,
        ["GET /v1/models/{version:long}"] = Roles.Admin,
        ["POST /v1/models/{version:long}/activate"] = Roles.Admin,
        ["GET /v1/models/{version:long}/export"] = Roles.Admin,
        ["PUT /v1/models/{version:long}/pin"] = Roles.Admin,
        ["DELETE /v1/models/{version:long}/pin"] = Roles.Admin,
        ["POST /v1/api-keys"] = Roles.Admin,
        ["GET /v1/api-keys"] = Roles.Admin,
        ["GET /v1/api-keys/{prefix}"] = Roles.Admin,
        ["POST /v1/api-keys/{prefix}/rotate"] = Roles.Admin,
        ["DELETE /v1/api-keys/{prefix}"] = Roles.Admin,
        ["GET /v1/audit-log"] = Roles.Admin,

        ["GET /dashboard/assets/{name}"] = Open,
        ["GET /dashboard/sign-in"] = Open,
        ["GET /dashboard/sign-in/provider"] = Open,
        ["POST /dashboard/sign-in"] = Open,
        ["POST /dashboard/sign-out"] = Open,
        ["GET /dashboard"] = Session,
        ["GET /dashboard/data"] = Session,
        ["GET /dashboard/data/newest"] = Session,
        ["GET /dashboard/training"] = Session,
        ["POST /dashboard/training/start"] = Session,
        ["GET /dashboard/training/{runId:long}"] = Session,
        ["GET /dashboard/training/{runId:long}/progress"] = Session,
        ["GET /dashboard/training/{runId:long}/events"] = Session,
        ["GET /dashboard/training/{runId:long}/cancel"] = Session,
        ["POST /dashboard/training/{runId:long}/cancel"] = Session,
        ["GET /dashboard/models"] = Session,
        ["GET /dashboard/models/compare"] = Session,
        ["GET /dashboard/models/{version:long}"] = Session,
        ["GET /dashboard/models/{version:long}/activate"] = Session,
        ["POST /dashboard/models/{version:long}/activate"] = Session,
        ["POST /dashboard/models/{version:long}/pin"] = Session,
        ["POST /dashboard/models/{version:long}/unpin"] = Session,
        ["GET /dashboard/try"] = Session,
        ["GET /dashboard/items"] = Session,
        ["GET /dashboard/items/view"] = Session,
        ["GET /dashboard/users"] = Session,
        ["GET /dashboard/users/view"] = Session,
        ["GET /dashboard/users/erase"] = Session,
        ["POST /dashboard/users/erase"] = Session,
        ["GET /dashboard/keys"] = Session,
        ["POST /dashboard/keys"] = Session,
        ["GET /dashboard/keys/{prefix}/rotate"] = Session,
        ["POST /dashboard/keys/{prefix}/rotate"] = Session,
        ["GET /dashboard/keys/{prefix}/revoke"] = Session,
        ["POST /dashboard/keys/{prefix}/revoke"] = Session,
        ["GET /dashboard/audit"] = Session,
        ["GET /dashboard/settings"] = Session,
        ["GET /dashboard/{**path}"] = Session,
    };

    [Fact]
    public void Every_endpoint_is_declared() => Endpoints().ShouldBe(Declared.Keys, ignoreOrder: true);

    [Fact]
    public async Task Every_caller_is_answered_as_declared()
    {
        var callers = await CallersAsync();
        var mistakes = new List<string>();
        var calls = 0;
        foreach (var (endpoint, role) in Declared)
        {
            var answers = new List<string>();
            foreach (var (caller, key, roles) in callers)
            {
                foreach (var asBearer in key is null ? [false] : new[] { false, true })
                {
                    using var request = RequestFor(endpoint);
                    Send(request, key, asBearer);
                    using var answer = await service.Stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                    calls++;
                    answers.Add($"{caller} {(int)answer.StatusCode}");
                    var expected =
                        role == Session ? "sign in"
                        : role == Open || roles?.Contains(role) == true ? "allowed"
                        : roles is null ? "401"
                        : "403";
                    var actual =
                        answer.Headers.Location?.OriginalString.StartsWith("/dashboard/sign-in?", StringComparison.Ordinal) == true ? "sign in"
                        : answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? $"{(int)answer.StatusCode}"
                        : (int)answer.StatusCode < 500 ? "allowed"
                        : $"{(int)answer.StatusCode}";
                    var refusalIsProblem =
                        expected is "allowed" or "sign in"
                        || (
                            answer.Content.Headers.ContentType?.MediaType == "application/problem+json"
                            && answer.Headers.WwwAuthenticate.ToString().StartsWith("Bearer realm=", StringComparison.Ordinal)
                        );
                    if (actual != expected || !refusalIsProblem)
                    {
                        mistakes.Add($"{endpoint} by {caller}: {(int)answer.StatusCode}, but {expected} is declared");
                    }
                }
            }

            output.WriteLine($"{role,-7} {endpoint,-48} {string.Join(", ", answers.Distinct())}");
        }

        output.WriteLine($"{calls} calls");
        mistakes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", HttpStatusCode.NotFound)]
    [InlineData("PATCH", "/v1/users", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/swagger/nothing.js", HttpStatusCode.NotFound)]
    public async Task What_is_not_there_is_told_to_those_with_a_key_only(string method, string path, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Parse(method), path);
        using var answer = await service.Client.SendAsync(request);
        answer.StatusCode.ShouldBe(expected);

        if (path.StartsWith("/v1", StringComparison.Ordinal))
        {
            using var again = new HttpRequestMessage(HttpMethod.Parse(method), path);
            using var refusal = await service.Stranger.SendAsync(again);
            refusal.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }
    }

    [Theory]
    [InlineData("another key", "OK key", "OK keyx")]
    [InlineData("a malformed key", "OK key", "rs_testsadmin")]
    [InlineData("a foreign bearer", "OK key", "eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("two bad ones", "nothing", "nothing at all")]
    public async Task Two_keys_in_two_headers_are_a_mistake_whatever_they_are(string what, string header, string bearer)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users")
        {
            Headers = { { TestKey.Header, KeyOf(header) }, { "Authorization", $"Bearer {KeyOf(bearer)}" } },
        };

        (await RefusalAsync(request, what)).ShouldContain("Authorization hold different keys");
    }

    [Theory]
    [InlineData(TestKey.Header, "")]
    [InlineData("Authorization", "Bearer ")]
    public async Task Several_values_of_a_header_are_a_mistake(string header, string scheme)
    {
        foreach (var second in new[] { TestKey.Text, "another" })
        {
            var answer = await RawAsync($"{header}: {scheme}{TestKey.Text}\r\n{header}: {scheme}{second}\r\n");
            answer.ShouldStartWith("HTTP/1.1 400 ");
            answer.ShouldContain($"{header} has several values");
        }
    }

    [Fact]
    public async Task The_same_key_in_both_headers_is_one_and_other_schemes_do_not_count()
    {
        foreach (var authorization in new[] { $"bearer {TestKey.Text}", "Basic dXNlcjpwYXNz" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users")
            {
                Headers = { { TestKey.Header, TestKey.Text }, { "Authorization", authorization } },
            };
            using var answer = await service.Stranger.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task A_refusal_says_nothing_of_what_is_wrong_with_the_key()
    {
        var known = (await service.NewKeyAsync("known", Roles.Score)).Key;
        var texts = new List<string>();
        foreach (var key in new[] { WrongSecret(known), TestKey.Text.Replace("testsadmin", "nobodyhere", StringComparison.Ordinal) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users") { Headers = { { TestKey.Header, key } } };
            using var answer = await service.Stranger.SendAsync(request);
            var problem = await answer.Content.ReadFromJsonAsync<Dictionary<string, object>>();
            problem!.Remove("traceId");
            texts.Add($"{answer.StatusCode} {answer.Headers.WwwAuthenticate} {string.Join(", ", problem)}");
        }

        texts[0].ShouldBe(texts[1]);
    }

    private static string KeyOf(string words) => words.Replace("OK key", TestKey.Text, StringComparison.Ordinal);

    private async Task<string> RefusalAsync(HttpRequestMessage request, string what)
    {
        using var answer = await service.Stranger.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest, what);
        answer.Headers.WwwAuthenticate.ToString().ShouldContain("invalid_request");
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>The client would join the values of a header.</summary>
    private async Task<string> RawAsync(string headers)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Client.BaseAddress!.Host, service.Client.BaseAddress.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    private static string WrongSecret(string key) => key[..^8] + (key.EndsWith("AAAAAAAA", StringComparison.Ordinal) ? "BBBBBBBB" : "AAAAAAAA");

    private static void Send(HttpRequestMessage request, string? key, bool asBearer)
    {
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation(asBearer ? "Authorization" : TestKey.Header, asBearer ? $"Bearer {key}" : key);
        }
    }

    /// <summary>A request that gets past access and no further: ids that nobody has, bodies that nobody takes.</summary>
    private static HttpRequestMessage RequestFor(string endpoint)
    {
        var (method, pattern) = (endpoint.Split(' ')[0], endpoint.Split(' ')[1]);
        var path = pattern
            .Replace("{documentName}", "v1", StringComparison.Ordinal)
            .Replace("{**path}", "index.html", StringComparison.Ordinal)
            .Replace("{runId:long}", "999999", StringComparison.Ordinal)
            .Replace("{version:long}", "999999", StringComparison.Ordinal)
            .Replace("{userId}", "nobody", StringComparison.Ordinal)
            .Replace("{itemId}", "nothing", StringComparison.Ordinal)
            .Replace("{prefix}", "nothing", StringComparison.Ordinal);
        var request = new HttpRequestMessage(method == "*" ? HttpMethod.Get : HttpMethod.Parse(method), path);
        if (path.StartsWith("/dashboard", StringComparison.Ordinal))
        {
            request.Content = method == "POST" ? new FormUrlEncodedContent([]) : null;
        }
        else if (method is "POST" or "PUT")
        {
            request.Content = new StringContent(
                "[",
                System.Text.Encoding.UTF8,
                path.EndsWith("/import", StringComparison.Ordinal) ? "application/x-ndjson" : "application/json"
            );
        }

        return request;
    }

    private List<string> Endpoints() =>
        [
            .. service
                .Factory.Services.GetRequiredService<EndpointDataSource>()
                .Endpoints.OfType<RouteEndpoint>()
                .SelectMany(endpoint =>
                    (endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["*"]).Select(method =>
                        $"{method} /{endpoint.RoutePattern.RawText!.Trim('/')}"
                    )
                )
                .Distinct(StringComparer.Ordinal),
        ];

    private async Task<List<(string Caller, string? Key, string[]? Roles)>> CallersAsync()
    {
        var (scoreKey, scorePrefix) = await service.NewKeyAsync("score", Roles.Score);
        var (revokedKey, revokedPrefix) = await service.NewKeyAsync("revoked", Roles.Admin);
        await service.Client.DeleteJsonAsync($"/v1/api-keys/{revokedPrefix}", HttpStatusCode.NoContent);
        var (expiredKey, expiredPrefix) = await service.NewKeyAsync("expired", Roles.Admin);
        await service.ScalarAsync<long>(
            "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE prefix = $1 RETURNING key_id",
            expiredPrefix
        );
        await service.KnownAsync();
        return
        [
            ("no key", null, null),
            ("a malformed key", "let-me-in", null),
            ("an empty key", "", null),
            ("an unknown key", TestKey.Text.Replace("testsadmin", "nobodyhere", StringComparison.Ordinal), null),
            ("a wrong secret", WrongSecret(scoreKey), null),
            ("a prefix alone", $"rs_{scorePrefix}_", null),
            ("a revoked key", revokedKey, null),
            ("an expired key", expiredKey, null),
            ("score", scoreKey, [Roles.Score]),
            ("ingest", (await service.NewKeyAsync("ingest", Roles.Ingest)).Key, [Roles.Ingest]),
            ("score and ingest", (await service.NewKeyAsync("both", Roles.Score, Roles.Ingest)).Key, [Roles.Score, Roles.Ingest]),
            ("admin", (await service.NewKeyAsync("admin", Roles.Admin)).Key, [Roles.Score, Roles.Ingest, Roles.Admin]),
            ("the bootstrap key", TestKey.Text, [Roles.Score, Roles.Ingest, Roles.Admin]),
        ];
    }

    public sealed class Service(DatabaseServer server) : KeyedService(server);
}
