using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Dashboard;

/// <summary>Signing in at a provider of identities.</summary>
public sealed class OpenIdConnectTests(IdentityProvider provider, DatabaseServer server) : IClassFixture<IdentityProvider>, IAsyncLifetime
{
    private string _connectionString = "";
    private RecServiceFactory _factory = null!;
    private Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync();
        _factory = new(
            _connectionString,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Access:AnonymousLimit:PerSecond"] = "0",
                ["Dashboard:OpenIdConnect:Authority"] = provider.Address,
                ["Dashboard:OpenIdConnect:ClientId"] = IdentityProvider.ClientId,
                ["Dashboard:OpenIdConnect:ClientSecret"] = IdentityProvider.ClientSecret,
                ["Dashboard:OpenIdConnect:AdminClaim"] = "groups",
                ["Dashboard:OpenIdConnect:AdminValue"] = "operators",
            }
        );
        _address = _factory.CreateClient().BaseAddress!;
    }

    public async ValueTask DisposeAsync()
    {
        await _factory.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    [Fact]
    public async Task Who_has_the_claim_is_an_admin_by_the_name_there()
    {
        (provider.Name, provider.Roles) = ("ann", ["staff", "operators"]);
        using var visitor = new Visitor(_address);
        (await visitor.PageAsync("/dashboard/sign-in?returnTo=/dashboard/keys")).ShouldContain("Sign in with your organisation");
        (await SignInAsync(visitor, "/dashboard/keys")).ShouldBe("/dashboard/keys");
        (await visitor.PageAsync("/dashboard/keys")).ShouldContain("Signed in as oidc:ann");

        using var made = await visitor.PostAsync("/dashboard/keys", "/dashboard/keys", ("name", "by ann"), ("roles", "score"));
        made.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await visitor.PageAsync("/dashboard/audit?action=key.create")).ShouldContain("<code>oidc:ann</code>");
        (await visitor.PageAsync("/dashboard/audit?action=dashboard.sign-in")).ShouldContain("<code>oidc:ann</code>");
        using var key = await visitor.SignInAsync(TestKey.Text);
        key.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Anybody_else_is_told_so()
    {
        (provider.Name, provider.Roles) = ("bob", ["staff", "operators-of-something-else"]);
        using var visitor = new Visitor(_address);
        (await SignInAsync(visitor, "/dashboard/keys")).ShouldBe("/dashboard/sign-in?refused=role");
        (await visitor.PageAsync("/dashboard/sign-in?refused=role")).ShouldContain("not as an admin");
        using var page = await visitor.GetAsync("/dashboard/keys");
        page.StatusCode.ShouldBe(HttpStatusCode.Redirect);
    }

    [Fact]
    public async Task An_answer_that_nobody_asked_for_is_none()
    {
        (provider.Name, provider.Roles) = ("ann", ["operators"]);
        using var victim = new Visitor(_address);
        using var attacker = new Visitor(_address);
        using var asked = await attacker.GetAsync("/dashboard/sign-in/provider");
        var answer = await AnswerOfProviderAsync(asked.Headers.Location!);
        using var sent = await victim.GetAsync(answer);
        sent.Headers.Location!.ToString().ShouldBe("/dashboard/sign-in?refused=provider");
    }

    [Fact]
    public async Task A_provider_that_is_away_is_no_fault_of_the_service()
    {
        await using var factory = new RecServiceFactory(
            _connectionString,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Dashboard:OpenIdConnect:Authority"] = "http://127.0.0.1:1",
                ["Dashboard:OpenIdConnect:ClientId"] = "x",
                ["Dashboard:OpenIdConnect:ClientSecret"] = "x",
                ["Dashboard:OpenIdConnect:AdminValue"] = "x",
            }
        );
        using var visitor = new Visitor(factory.CreateClient().BaseAddress!);
        using var answer = await visitor.GetAsync("/dashboard/sign-in/provider");
        answer.Headers.Location!.ToString().ShouldBe("/dashboard/sign-in?refused=provider");
        (await visitor.PageAsync("/dashboard/sign-in?refused=provider")).ShouldContain("failed");
    }

    [Fact]
    public async Task An_address_without_encryption_is_refused_at_the_start()
    {
        using var process = new ServiceProcess(
            ("ConnectionStrings:RecService", _connectionString),
            ("Dashboard:OpenIdConnect:Authority", "http://login.internal.example"),
            ("Dashboard:OpenIdConnect:ClientId", "x"),
            ("Dashboard:OpenIdConnect:ClientSecret", "x"),
            ("Dashboard:OpenIdConnect:AdminValue", "x")
        );
        (await process.ExitAsync()).ShouldBe(1);
        process.Output.ShouldContain("Dashboard:OpenIdConnect:Authority must be an address such as https://login.example");
    }

    [Theory]
    [InlineData("AdminValue")]
    [InlineData("ClientSecret")]
    public async Task Settings_that_are_not_whole_are_refused_at_the_start(string missing)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Authority"] = provider.Address,
            ["ClientId"] = "x",
            ["ClientSecret"] = "x",
            ["AdminValue"] = "x",
        };
        settings.Remove(missing);
        using var process = new ServiceProcess([
            ("ConnectionStrings:RecService", _connectionString),
            .. settings.Select(setting => ($"Dashboard:OpenIdConnect:{setting.Key}", setting.Value)),
        ]);
        (await process.ExitAsync()).ShouldBe(1);
        process.Output.ShouldContain($"Dashboard:OpenIdConnect:{missing} is required where Authority is set.");
    }

    /// <summary>Goes to the provider and back; returns where that leads.</summary>
    private static async Task<string> SignInAsync(Visitor visitor, string returnTo)
    {
        using var asked = await visitor.GetAsync($"/dashboard/sign-in/provider?returnTo={returnTo}");
        asked.StatusCode.ShouldBe(HttpStatusCode.Redirect, await asked.Content.ReadAsStringAsync());
        using var answer = await visitor.GetAsync(await AnswerOfProviderAsync(asked.Headers.Location!));
        answer.StatusCode.ShouldBe(HttpStatusCode.Redirect, await answer.Content.ReadAsStringAsync());
        return answer.Headers.Location!.ToString();
    }

    private static async Task<string> AnswerOfProviderAsync(Uri asked)
    {
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var answer = await client.GetAsync(asked);
        answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        return answer.Headers.Location!.PathAndQuery;
    }
}
