using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RecService.Api.Operations;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Operations;

/// <summary>The service below a path of an application that has pages, callers, errors, JSON and data of its own.</summary>
public sealed class EmbeddingTests(EmbeddingTests.Shop shop) : IClassFixture<EmbeddingTests.Shop>
{
    [Fact]
    public async Task The_hosts_pages_answer_as_without_the_service()
    {
        (await shop.Visitor.GetStringAsync(Shop.Address("/"))).ShouldBe("the shop");
        (await shop.Visitor.GetStringAsync(Shop.Address("/items"))).ShouldBe("""{"item_count":2}""");
        using var anonymous = await shop.Visitor.GetAsync(Shop.Address("/account"));
        anonymous.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        anonymous.Headers.Location!.PathAndQuery.ShouldStartWith("/login");
        using var keyed = await shop.Owner.GetAsync(Shop.Address("/account"));
        keyed.StatusCode.ShouldBe(HttpStatusCode.Redirect, "a key of the service is none of the host's");
        using var error = await shop.Visitor.GetAsync(Shop.Address("/fails"));
        ((int)error.StatusCode).ShouldBe(418);
        (await error.Content.ReadAsStringAsync()).ShouldBe("sorry");
        foreach (var path in new[] { "/swagger", "/openapi/v1.json", "/health/live", "/v1/users", "/favicon.ico" })
        {
            using var nothing = await shop.Visitor.GetAsync(Shop.Address(path));
            // Its fallback policy asks strangers to sign in, whatever is there.
            nothing.StatusCode.ShouldBe(HttpStatusCode.Redirect, path);
            nothing.Headers.Contains("X-Content-Type-Options").ShouldBeFalse(path);
        }
    }

    [Fact]
    public async Task Who_has_signed_in_with_the_host_is_nobody_to_the_service_and_still_somebody_to_the_host()
    {
        using var signedIn = new HttpClient(new HttpClientHandler { CookieContainer = new(), AllowAutoRedirect = false }) { BaseAddress = shop.Visitor.BaseAddress };
        (await signedIn.GetStringAsync(Shop.Address("/login"))).ShouldBe("welcome");
        using var refused = await signedIn.GetAsync(Shop.Address("/recs/v1/users"));
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        refused.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        refused.Headers.WwwAuthenticate.ToString().ShouldStartWith("Bearer realm=");
        (await signedIn.GetStringAsync(Shop.Address("/account"))).ShouldBe("ann");
        // The host's middleware has its own request, its user and its services back.
        shop.AfterRequests.ShouldContain("/recs/v1/users ann True");
    }

    [Theory]
    [InlineData("a%2Fb")]
    [InlineData("%2E%2E")]
    [InlineData("plain")]
    public async Task The_service_answers_below_its_path_as_at_a_root(string user)
    {
        using var stored = await shop.Owner.PutAsync(
            HttpClientExtensions.Address(shop.Owner, $"/recs/v1/users/{user}"),
            JsonContent.Create(new { tags = new[] { "early" } })
        );
        stored.StatusCode.ShouldBe(HttpStatusCode.Created);
        stored.Headers.Location!.ToString().ShouldBe($"/recs/v1/users/{user}");
        var read = await shop.Owner.GetJsonAsync($"/recs/v1/users/{user}");
        read.GetProperty("userId").GetString().ShouldBe(Uri.UnescapeDataString(user));
        (await shop.Owner.GetJsonAsync($"/RECS/v1/users/{user}")).GetProperty("userId").GetString().ShouldBe(Uri.UnescapeDataString(user));
    }

    [Fact]
    public async Task Batches_imports_recommendations_and_errors_are_the_services_own()
    {
        var line = """{"userId": "u", "itemId": "i", "type": "view"}""" + "\n";
        var import = await shop.Owner.SendTextAsync(HttpMethod.Post, "/recs/v1/interactions/import", line, "application/x-ndjson");
        import.GetProperty("accepted").GetInt32().ShouldBe(1);
        // The host takes a megabyte at most.
        var large = await shop.Owner.SendTextAsync(
            HttpMethod.Post,
            "/recs/v1/interactions/import",
            string.Concat(Enumerable.Repeat(line, 60_000)),
            "application/x-ndjson"
        );
        large.GetProperty("accepted").GetInt32().ShouldBe(60_000);
        var problem = await shop.Owner.SendTextAsync(
            HttpMethod.Post,
            "/recs/v1/recommendations",
            """{"user_id": "u"}""",
            expected: HttpStatusCode.BadRequest
        );
        problem.Errors().Keys.ShouldBe(["user_id"]);
        var recommended = await shop.Owner.PostJsonAsync("/recs/v1/recommendations", new JsonObject { ["userId"] = "u", ["count"] = 1 });
        recommended.GetProperty("source").GetString().ShouldBe("popularity");
        await shop.Owner.GetJsonAsync("/recs/v1/nothing", HttpStatusCode.NotFound);
        await shop.Owner.GetJsonAsync("/recs/", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_description_of_the_service_is_of_nothing_but_the_service_and_lies_below_its_path()
    {
        var document = await shop.Visitor.GetJsonAsync("/recs/openapi/v1.json");
        document.GetProperty("servers")[0].GetProperty("url").GetString().ShouldBe("/recs");
        document.GetProperty("paths").EnumerateObject().ShouldAllBe(path => path.Name.StartsWith("/v1/", StringComparison.Ordinal));
        (await shop.Visitor.GetStringAsync(Shop.Address("/recs/swagger/index.html"))).ShouldContain("swagger-ui");
        (await shop.Visitor.GetJsonAsync("/recs/health/ready")).GetProperty("checks").TryGetProperty("database", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Nothing_is_served_by_a_host_that_ends_or_maps_it_without_having_it()
    {
        await using var empty = WebApplication.CreateBuilder().Build();
        Should.Throw<InvalidOperationException>(() => empty.MapRecService("/recs"));
        foreach (var prefix in new[] { "", "/", "recs", "/recs/", "/{x}", "/a b" })
        {
            Should.Throw<ArgumentException>(() => empty.MapRecService(prefix));
        }
    }

    /// <summary>The host.</summary>
    public sealed class Shop(DatabaseServer server) : IAsyncLifetime
    {
        private string _connectionString = "";
        private WebApplication? _app;

        /// <summary>Has no key of the service.</summary>
        public HttpClient Visitor { get; private set; } = null!;

        /// <summary>Has the service's first key.</summary>
        public HttpClient Owner { get; private set; } = null!;

        /// <summary>What the host's first middleware sees after each request: path, user, and whether the accessor still has the request.</summary>
        public System.Collections.Concurrent.ConcurrentBag<string> AfterRequests { get; } = [];

        public static Uri Address(string path) => new(path, UriKind.Relative);

        public async ValueTask InitializeAsync()
        {
            _connectionString = await server.CreateDatabaseAsync();
            var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
            builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 1_000_000);
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            builder.Configuration.AddInMemoryCollection(
                new Dictionary<string, string?>(StringComparer.Ordinal)
                {
                    ["ConnectionStrings:RecService"] = _connectionString,
                    [$"RecService:{TestKey.Setting}"] = TestKey.Text,
                    ["RecService:Training:Enabled"] = "false",
                    ["RecService:Database:ScoringTimeout"] = "00:00:30",
                    // Sections of the host's own that are called like some of the service's.
                    ["Database:Flavour"] = "ours",
                    ["Cors:Wild"] = "true",
                }
            );
            builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie => cookie.LoginPath = "/login");
            builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
            builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);
            builder.Services.AddExceptionHandler<Sorry>();
            builder.Services.AddProblemDetails();
            builder.Services.AddDbContext<ShopContext>(options => options.UseNpgsql(_connectionString));
            builder.Services.AddHttpContextAccessor();
            builder.AddRecService();

            _app = builder.Build();
            _app.Use(
                async (context, next) =>
                {
                    var accessor = context.RequestServices.GetRequiredService<IHttpContextAccessor>();
                    var services = context.RequestServices;
                    await next(context);
                    var same = ReferenceEquals(accessor.HttpContext, context) && ReferenceEquals(context.RequestServices, services);
                    AfterRequests.Add($"{context.Request.Path} {context.User.Identity?.Name} {same}");
                }
            );
            _app.UseExceptionHandler();
            _app.UseAuthentication();
            _app.UseAuthorization();
            _app.MapRecService("/recs");
            _app.MapGet("/", () => "the shop").AllowAnonymous();
            _app.MapGet("/items", async (ShopContext context) => new { ItemCount = await context.Items.CountAsync() }).AllowAnonymous();
            _app.MapGet("/account", (ClaimsPrincipal user) => user.Identity!.Name);
            _app.MapGet("/fails", string () => throw new InvalidOperationException("the shop's own")).AllowAnonymous();
            _app.MapGet(
                    "/login",
                    async (HttpContext context) =>
                    {
                        var ann = new ClaimsIdentity([new(ClaimTypes.Name, "ann")], CookieAuthenticationDefaults.AuthenticationScheme);
                        await context.SignInAsync(new(ann));
                        return "welcome";
                    }
                )
                .AllowAnonymous();
            await using (var scope = _app.Services.CreateAsyncScope())
            {
                var context = scope.ServiceProvider.GetRequiredService<ShopContext>();
                await context.Database.ExecuteSqlRawAsync("CREATE TABLE shop_items (id int PRIMARY KEY); INSERT INTO shop_items VALUES (1), (2)");
            }

            await _app.StartAsync();
            var address = new Uri(_app.Urls.Single());
            Visitor = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = address };
            Owner = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = address };
            Owner.DefaultRequestHeaders.Add(TestKey.Header, TestKey.Text);
        }

        public async ValueTask DisposeAsync()
        {
            Visitor?.Dispose();
            Owner?.Dispose();
            if (_app is not null)
            {
                await _app.StopAsync();
                await _app.DisposeAsync();
            }

            await server.DropDatabaseAsync(_connectionString);
        }
    }

    private sealed class Sorry : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
        {
            httpContext.Response.StatusCode = 418;
            await httpContext.Response.WriteAsync("sorry", cancellationToken);
            return true;
        }
    }

    private sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
    {
        public DbSet<ShopItem> Items => Set<ShopItem>();

        protected override void OnModelCreating(ModelBuilder modelBuilder) =>
            modelBuilder.Entity<ShopItem>().ToTable("shop_items").Property(item => item.Id).HasColumnName("id");
    }

    private sealed class ShopItem
    {
        public int Id { get; set; }
    }
}
