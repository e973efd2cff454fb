using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using RecService.Api.Dashboard.Parts;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Scoring;

namespace RecService.Api.Tests.Dashboard;

/// <summary>What the pages show of a service with data and a model.</summary>
public sealed partial class PageTests(TrainedService service) : IClassFixture<TrainedService>
{
    private static readonly string User = TrainedService.User(1);
    private static readonly string Item = TrainedService.Item(1);

    [Fact]
    public async Task Each_page_shows_what_it_is_for()
    {
        using var visitor = await Visitor.SignedInAsync(service.Client.BaseAddress!);
        foreach (
            var (path, shown) in new (string, string[])[]
            {
                ("", ["Overview", "3,000", "Interactions by day and type", "RMSE", "Database", "biases"]),
                ("/data", ["Data", "rating", "What training used", "Values of rating", "Context: device", "phone", "/dashboard/users/view?id=u"]),
                ("/training", ["Training", "Start a run", "succeeded", "rating"]),
                ("/training/1", ["Run 1", "Loss by epoch", "RMSE", "Settings", "Objective"]),
                ("/training?runs=1", ["Training", "Runs 1", "Loss on the holdout by epoch"]),
                ("/models", ["Models", "served", $"#{service.ModelVersion}"]),
                ($"/models/{service.ModelVersion}", [$"Model {service.ModelVersion}", "On the holdout", "SHA-256"]),
                ($"/models/compare?models={service.ModelVersion},{service.ModelVersion}", ["Two models", "RMSE", "Title"]),
                ($"/try?user={User}&count=7", ["Try it", "Title ", "Why", "curl", "\"count\":7", "Count = 7,", $"UserId = \"{User}\",", User]),
                ("/try?recent=i001,i002&context={\"device\":\"phone\"}&seen=keep", ["Try it", "i001", "\"device\":\"phone\"", "excludeSeen", "ExcludeSeen = false", "new() { ItemId = \"i001\" }, new() { ItemId = \"i002\" }", "[\"device\"] = \"phone\""]),
                ("/items", ["Items", Item, "Title 1"]),
                ("/items?prefix=i00", ["Items", Item]),
                ($"/items/view?id={Item}", ["Title 1", "Similar", "Next", "The newest interactions", "rating"]),
                ("/users", ["Users", User, "early"]),
                ($"/users/view?id={User}", [User, "Recommended", "Title ", "The newest interactions"]),
                ($"/users/erase?id={User}", [$"Erase user {User}?", "cannot be undone"]),
                ("/keys", ["Keys", "Make a key", "Access:BootstrapKey"]),
                ("/audit", ["Audit log", "run.start"]),
                ("/settings", ["Settings", "Training:Factors", "set, not shown", "Load:Imports:PerKey"]),
            }
        )
        {
            var page = await visitor.PageAsync($"/dashboard{path}");
            page.ShouldContain($"<h1>{shown[0]}</h1>", customMessage: path);
            Array.ForEach(shown, text => page.ShouldContain(text, customMessage: path));
            page.ShouldNotContain(TestKey.Text, customMessage: path);
        }
    }

    [Fact]
    public async Task Pages_need_nothing_that_their_policy_forbids_and_ask_nobody_else()
    {
        using var visitor = await Visitor.SignedInAsync(service.Client.BaseAddress!);
        foreach (var path in new[] { "", "/data", "/training/1", "/models", $"/try?user={User}", $"/items/view?id={Item}", "/keys" })
        {
            using var answer = await visitor.GetAsync($"/dashboard{path}");
            answer.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'none'; script-src 'self'; style-src 'self';");
            answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
            var page = await answer.Content.ReadAsStringAsync();
            page.ShouldNotContain(" style=");
            Handler().IsMatch(page).ShouldBeFalse(path);
            Elsewhere().Matches(page).Select(match => match.Value).ShouldBeEmpty(path);
        }
    }

    [Fact]
    public async Task Files_are_kept_by_browsers_until_they_change()
    {
        using var visitor = new Visitor(service.Client.BaseAddress!);
        var page = await visitor.PageAsync("/dashboard/sign-in");
        foreach (var name in new[] { "dashboard.css", "dashboard.js", "icon.svg" })
        {
            var address = Regex.Match(page, $"/dashboard/assets/{Regex.Escape(name)}\\?v=[0-9a-f]+", RegexOptions.None, TimeSpan.FromSeconds(1)).Value;
            using var file = await visitor.GetAsync(address);
            file.StatusCode.ShouldBe(HttpStatusCode.OK);
            file.Headers.CacheControl!.ToString().ShouldContain("immutable");
            using var other = await visitor.GetAsync($"/dashboard/assets/{name}?v=other");
            other.Headers.CacheControl!.ToString().ShouldBe("no-cache");
        }

        using var nothing = await visitor.GetAsync("/dashboard/assets/nothing.js");
        nothing.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("/dashboard/nothing", "There is no such page")]
    [InlineData("/dashboard/training/999", "There is no such run.")]
    [InlineData("/dashboard/models/999", "There is no such model.")]
    [InlineData("/dashboard/items/view?id=nothing", "There is no such item.")]
    [InlineData("/dashboard/users/view?id=nobody", "There is no such user.")]
    [InlineData("/dashboard/users/view", "There is no such user.")]
    public async Task What_is_not_there_is_said_on_a_page(string path, string said)
    {
        using var visitor = await Visitor.SignedInAsync(service.Client.BaseAddress!);
        (await visitor.PageAsync(path, HttpStatusCode.NotFound)).ShouldContain(said);
    }

    [Theory]
    [InlineData("/dashboard/try?context=nonsense&user=u001", "It must be a JSON object")]
    [InlineData("/dashboard/try?recent=%00", "u0000")]
    [InlineData("/dashboard/items?prefix=%00", "Items")]
    [InlineData("/dashboard/users?after=%00a", "Users")]
    [InlineData("/dashboard/keys?cursor=nonsense", "cursor")]
    [InlineData("/dashboard/audit?cursor=nonsense", "cursor")]
    [InlineData("/dashboard/training?before=x&runs=a,b,1", "Runs 1")]
    [InlineData("/dashboard/models/compare?models=1", "these are not two")]
    public async Task Input_that_is_none_is_answered_with_a_page(string path, string said)
    {
        using var visitor = await Visitor.SignedInAsync(service.Client.BaseAddress!);
        using var answer = await visitor.GetAsync(path);
        ((int)answer.StatusCode).ShouldBeLessThan(500, path);
        var page = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
        (page.Contains(said, StringComparison.Ordinal) || page.Contains("control", StringComparison.Ordinal)).ShouldBeTrue(page);
    }

    [Fact]
    public async Task What_others_have_stored_is_text_on_a_page_and_nothing_else()
    {
        const string id = "\"><script>alert(1)</script>&#x3c;";
        using var stored = await service.Client.PutAsJsonAsync(
            new Uri($"/v1/items/{Uri.EscapeDataString(id)}", UriKind.Relative),
            new { tags = new[] { "<b>bold</b>" }, metadata = new { title = "<img src=x onerror=alert(1)>", picture = "https://elsewhere.example/x.png" }, available = false }
        );
        stored.EnsureSuccessStatusCode();
        using var visitor = await Visitor.SignedInAsync(service.Client.BaseAddress!);
        foreach (var path in new[] { "/items?prefix=%22", $"/items/view?id={Uri.EscapeDataString(id)}", $"/items?prefix={Uri.EscapeDataString(id)}" })
        {
            using var answer = await visitor.GetAsync($"/dashboard{path}");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            var page = await answer.Content.ReadAsStringAsync();
            page.ShouldContain("alert(1)", customMessage: path);
            foreach (var forbidden in new[] { "<script>alert", "<img src=x", "<b>bold", "src=\"https://elsewhere" })
            {
                page.ShouldNotContain(forbidden, customMessage: path);
            }
        }
    }

    [Fact]
    public void Ids_that_would_look_like_others_do_not() => Text.Id("abc\u202EFDP.exe\u200B").ShouldBe("abc\\u{202E}FDP.exe\\u{200B}");

    [GeneratedRegex(" on[a-z]+=|javascript:|<script>|<style", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Handler();

    [GeneratedRegex("(src|href|action)=\"(https?:)?//[^\"]*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Elsewhere();
}
