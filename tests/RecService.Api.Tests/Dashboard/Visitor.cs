using System.Net;
using System.Text.RegularExpressions;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Dashboard;

/// <summary>Somebody with a browser that keeps cookies, follows no redirection and runs no scripts.</summary>
internal sealed partial class Visitor : IDisposable
{
    private readonly HttpClient _client;

    public Visitor(Uri service)
    {
        _client = new(new CookieJar(Cookies, new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false })) { BaseAddress = service };
    }

    public CookieContainer Cookies { get; } = new();

    /// <summary>Somebody who has signed in.</summary>
    public static async Task<Visitor> SignedInAsync(Uri service, string key = TestKey.Text)
    {
        var visitor = new Visitor(service);
        using var answer = await visitor.SignInAsync(key);
        answer.StatusCode.ShouldBe(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync());
        return visitor;
    }

    public Task<HttpResponseMessage> SignInAsync(string key, string? returnTo = null) =>
        PostAsync("/dashboard/sign-in", "/dashboard/sign-in", ("key", key), ("returnTo", returnTo ?? ""));

    public Task<HttpResponseMessage> GetAsync(string path) => _client.GetAsync(HttpClientExtensions.Address(_client, path));

    /// <summary>The page at a path.</summary>
    public async Task<string> PageAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await GetAsync(path);
        var page = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(expected, $"{path} {answer.Headers.Location} {page}");
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
        return WebUtility.HtmlDecode(page);
    }

    /// <summary>Sends a form with the token of the page that it is on.</summary>
    public async Task<HttpResponseMessage> PostAsync(string page, string action, params (string Name, string Value)[] fields)
    {
        using var opened = await GetAsync(page);
        var token = Token().Match(await opened.Content.ReadAsStringAsync());
        return await PostWithoutTokenAsync(action, [("token", token.Groups["token"].Value), .. fields]);
    }

    public async Task<HttpResponseMessage> PostWithoutTokenAsync(string action, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        return await _client.PostAsync(HttpClientExtensions.Address(_client, action), form);
    }

    public void Dispose() => _client.Dispose();

    [GeneratedRegex("name=\"token\" value=\"(?<token>[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Token();

    /// <summary>Keeps cookies as browsers do, also those for paths that others than the answered request lie below, which .NET would not.</summary>
    private sealed class CookieJar(CookieContainer cookies, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (cookies.GetCookieHeader(request.RequestUri!) is { Length: > 0 } sent)
            {
                request.Headers.Add("Cookie", sent);
            }

            var answer = await base.SendAsync(request, cancellationToken);
            foreach (var text in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
            {
                var set = Microsoft.Net.Http.Headers.SetCookieHeaderValue.Parse(text);
                var cookie = new Cookie(set.Name.ToString(), set.Value.ToString(), set.Path.ToString(), request.RequestUri!.Host);
                if (set.Expires is { } expires)
                {
                    cookie.Expires = expires.UtcDateTime;
                }

                cookies.Add(cookie);
            }

            return answer;
        }
    }
}
