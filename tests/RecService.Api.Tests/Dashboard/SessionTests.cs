using System.Net;
using RecService.Api.Http;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Dashboard;

/// <summary>Who may look at the dashboard, and for how long.</summary>
public sealed class SessionTests(KeyedService service, DatabaseServer server) : IClassFixture<KeyedService>
{
    private Uri Address => service.Client.BaseAddress!;

    [Fact]
    public async Task The_origin_leads_to_the_dashboard_and_that_to_signing_in_and_back()
    {
        using var visitor = new Visitor(Address);
        using var origin = await visitor.GetAsync("/");
        origin.Headers.Location!.ToString().ShouldBe("/dashboard");
        using var page = await visitor.GetAsync("/dashboard/training?runs=1,2");
        page.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        page.Headers.Location!.ToString().ShouldBe("/dashboard/sign-in?returnTo=%2Fdashboard%2Ftraining%3Fruns%3D1,2");
        (await visitor.PageAsync(page.Headers.Location.ToString())).ShouldContain("value=\"/dashboard/training?runs=1,2\"");

        using var signedIn = await visitor.SignInAsync(TestKey.Text, "/dashboard/training?runs=1,2");
        signedIn.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        signedIn.Headers.Location!.ToString().ShouldBe("/dashboard/training?runs=1,2");
        (await visitor.PageAsync("/dashboard/training")).ShouldContain("<h1>Training</h1>");
        using var again = await visitor.GetAsync("/dashboard/sign-in?returnTo=/dashboard/keys");
        again.Headers.Location!.ToString().ShouldBe("/dashboard/keys");
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("//evil.example")]
    [InlineData("/dashboard\\evil")]
    [InlineData("/dashboardevil")]
    [InlineData("/dashboard/é")]
    [InlineData("/v1/users")]
    [InlineData("/dashboard/sign-in?returnTo=/dashboard")]
    public async Task Signing_in_goes_on_within_the_dashboard_whatever_is_asked_for(string returnTo)
    {
        using var visitor = new Visitor(Address);
        using var signedIn = await visitor.SignInAsync(TestKey.Text, returnTo);
        signedIn.Headers.Location!.ToString().ShouldBe("/dashboard");
    }

    [Fact]
    public async Task Only_a_valid_key_of_an_admin_begins_a_session()
    {
        var score = (await service.NewKeyAsync("scores", Roles.Score, Roles.Ingest)).Key;
        foreach (
            var (key, status, reason) in new[]
            {
                ("nonsense", HttpStatusCode.Unauthorized, "not a valid key"),
                ($"{TestKey.Text}x", HttpStatusCode.Unauthorized, "not a valid key"),
                ("", HttpStatusCode.Unauthorized, "not a valid key"),
                (score, HttpStatusCode.Forbidden, "does not have the role admin"),
            }
        )
        {
            using var visitor = new Visitor(Address);
            using var answer = await visitor.SignInAsync(key);
            answer.StatusCode.ShouldBe(status, key);
            (await answer.Content.ReadAsStringAsync()).ShouldContain(reason);
            using var page = await visitor.GetAsync("/dashboard");
            page.StatusCode.ShouldBe(HttpStatusCode.Redirect, key);
        }
    }

    [Fact]
    public async Task The_cookie_is_for_the_dashboard_alone()
    {
        using var visitor = new Visitor(Address);
        using var signedIn = await visitor.SignInAsync(TestKey.Text);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single(text => text.StartsWith("recservice-dashboard=", StringComparison.Ordinal));
        cookie.ShouldContain("path=/dashboard");
        cookie.ShouldContain("httponly");
        cookie.ShouldContain("samesite=lax");
        cookie.ShouldNotContain(TestKey.Text);

        // Also where a browser would send it elsewhere.
        using var api = new HttpRequestMessage(HttpMethod.Get, "/v1/users") { Headers = { { "Cookie", cookie.Split(';')[0] } } };
        using var refused = await service.Stranger.SendAsync(api);
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var keyed = new HttpRequestMessage(HttpMethod.Get, "/dashboard") { Headers = { { TestKey.Header, TestKey.Text } } };
        using var sent = await service.Stranger.SendAsync(keyed);
        sent.StatusCode.ShouldBe(HttpStatusCode.Redirect);
    }

    [Fact]
    public async Task A_session_ends_with_its_key_and_when_somebody_signs_out()
    {
        var (key, prefix) = await service.NewKeyAsync("leaves soon", Roles.Admin);
        using var visitor = await Visitor.SignedInAsync(Address, key);
        using var stays = await Visitor.SignedInAsync(Address);
        (await visitor.PageAsync("/dashboard/keys")).ShouldContain(prefix);
        using var revoked = await service.Client.DeleteAsync(new Uri($"/v1/api-keys/{prefix}", UriKind.Relative));
        revoked.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using var refused = await visitor.GetAsync("/dashboard/keys");
        refused.StatusCode.ShouldBe(HttpStatusCode.Redirect);

        await stays.PageAsync("/dashboard/keys");
        using var signedOut = await stays.PostAsync("/dashboard/keys", "/dashboard/sign-out");
        signedOut.Headers.Location!.ToString().ShouldBe("/dashboard/sign-in");
        using var over = await stays.GetAsync("/dashboard/keys");
        over.StatusCode.ShouldBe(HttpStatusCode.Redirect);
    }

    [Fact]
    public async Task A_session_of_one_process_is_one_of_another_and_of_the_next_start()
    {
        using var visitor = await Visitor.SignedInAsync(Address);
        await using var factory = new RecServiceFactory(service.ConnectionString);
        using var other = new Visitor(factory.CreateClient().BaseAddress!);
        foreach (Cookie cookie in visitor.Cookies.GetCookies(new Uri(Address, "/dashboard")))
        {
            other.Cookies.Add(new Uri(Address, "/dashboard"), new Cookie(cookie.Name, cookie.Value, cookie.Path));
        }

        (await other.PageAsync("/dashboard/keys")).ShouldContain("<h1>Keys</h1>");
    }

    [Fact]
    public async Task A_form_without_the_token_of_its_page_does_nothing()
    {
        using var visitor = await Visitor.SignedInAsync(Address);
        using var refused = await visitor.PostWithoutTokenAsync("/dashboard/training/start");
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await refused.Content.ReadAsStringAsync()).ShouldContain("The form is no longer valid.");
        using var stays = await visitor.PostWithoutTokenAsync("/dashboard/sign-out");
        await visitor.PageAsync("/dashboard/keys");
        (await service.ScalarAsync<long>("SELECT count(*) FROM training_runs")).ShouldBe(0);

        using var stranger = new Visitor(Address);
        using var signIn = await stranger.PostWithoutTokenAsync("/dashboard/sign-in", ("key", TestKey.Text));
        signIn.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Attempts_to_sign_in_are_limited_by_address()
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["Access:AnonymousLimit:PerSecond"] = "0.01" };
        await using var factory = new RecServiceFactory(service.ConnectionString, settings);
        using var visitor = new Visitor(factory.CreateClient().BaseAddress!);
        var answers = new List<HttpStatusCode>();
        for (var attempt = 0; attempt < 12; attempt++)
        {
            using var answer = await visitor.SignInAsync("rs_guess_0123456789abcdef0123456789abcdef0123456789abcdef");
            answers.Add(answer.StatusCode);
        }

        answers.Count(status => status == HttpStatusCode.Unauthorized).ShouldBeInRange(5, 10);
        answers[^1].ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Where_few_requests_may_come_at_once_somebody_can_still_sign_in()
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Access:AnonymousLimit:Burst"] = "5",
            ["Access:AnonymousLimit:PerSecond"] = "1000",
        };
        await using var factory = new RecServiceFactory(service.ConnectionString, settings);
        using var visitor = new Visitor(factory.CreateClient().BaseAddress!);
        HttpStatusCode status;
        do
        {
            // The page of the form has taken one of the five, until there are more.
            await Task.Delay(100);
            using var answer = await visitor.SignInAsync(TestKey.Text);
            status = answer.StatusCode;
        } while (status == HttpStatusCode.TooManyRequests);

        status.ShouldBe(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task What_is_too_large_for_a_form_is_refused_before_it_is_stored_anywhere()
    {
        using var visitor = new Visitor(Address);
        using var refused = await visitor.PostAsync("/dashboard/sign-in", "/dashboard/sign-in", ("key", new string('x', 100_000)));
        refused.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        refused.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
    }

    [Fact]
    public async Task Signing_in_is_recorded()
    {
        var (key, prefix) = await service.NewKeyAsync("is recorded", Roles.Admin);
        using var visitor = await Visitor.SignedInAsync(Address, key);
        (await service.ScalarAsync<long>("SELECT count(*) FROM audit_log WHERE action = 'dashboard.sign-in' AND key_prefix = $1", prefix)).ShouldBe(1);
    }

    [Fact]
    public async Task Where_it_is_switched_off_there_is_nothing_of_it()
    {
        var connectionString = await server.CreateDatabaseAsync();
        await using (var factory = new RecServiceFactory(connectionString, new Dictionary<string, string>(StringComparer.Ordinal) { ["Dashboard:Enabled"] = "false" }))
        {
            using var client = factory.CreateClient();
            foreach (var path in new[] { "/dashboard", "/dashboard/sign-in", "/dashboard/assets/dashboard.css" })
            {
                using var answer = await client.GetAsync(HttpClientExtensions.Address(client, path));
                answer.StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
            }

            using var visitor = new Visitor(client.BaseAddress!);
            using var origin = await visitor.GetAsync("/");
            origin.Headers.Location!.ToString().ShouldBe("/swagger");
        }

        await server.DropDatabaseAsync(connectionString);
    }
}
