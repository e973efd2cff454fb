using System.Text.Json.Nodes;
using Microsoft.Playwright;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace RecService.Api.Tests.Dashboard;

/// <summary>
/// The dashboard in a real browser. With a folder named in RECSERVICE_SCREENSHOTS, pictures of the pages are put there.
/// </summary>
public sealed class BrowserTests(Browser browser, ShopService shop, ITestOutputHelper output) : IClassFixture<Browser>, IClassFixture<ShopService>
{
    private static readonly (string Name, string Path)[] Pages =
    [
        ("overview", ""),
        ("data", "/data"),
        ("training", "/training?runs=1,2"),
        ("run", "/training/2"),
        ("models", "/models"),
        ("model", "/models/2"),
        ("compare", "/models/compare?models=1,2"),
        ("try", "/try?user=user-012&count=6&context={\"device\":\"phone\"}"),
        ("items", "/items"),
        ("item", "/items/view?id=item-08"),
        ("users", "/users?prefix=user-01"),
        ("user", "/users/view?id=user-012"),
        ("erase", "/users/erase?id=user-012"),
        ("keys", "/keys"),
        ("audit", "/audit"),
        ("settings", "/settings"),
        ("nothing", "/nothing"),
    ];

    private Uri Address => shop.Client.BaseAddress!;

    [Theory]
    [InlineData(1280, false)]
    [InlineData(390, true)]
    [InlineData(360, false)]
    public async Task Each_page_is_whole_at_any_width_and_for_everybody(int width, bool dark)
    {
        await using var window = await browser.OpenAsync(Address, width, dark);
        await window.Page.GotoAsync("/dashboard/sign-in");
        (await window.FaultsAsync()).ShouldBeEmpty("/sign-in");
        await window.SignInAsync(TestKey.Text);
        var folder = Environment.GetEnvironmentVariable("RECSERVICE_SCREENSHOTS");
        foreach (var (name, path) in Pages)
        {
            await window.Page.GotoAsync($"/dashboard{path}");
            foreach (var details in await window.Page.Locator("main details").AllAsync())
            {
                await details.EvaluateAsync("details => details.open = true");
            }

            var faults = await window.FaultsAsync();
            faults.Where(fault => name != "nothing" || !fault.Contains("404", StringComparison.Ordinal)).ShouldBeEmpty(path);
            var bytes = await window.Page.EvaluateAsync<int>(
                "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
            );
            var paint = await window.Page.EvaluateAsync<double>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0");
            output.WriteLine($"{width} px {name,-9} {bytes,7:N0} bytes with styles, scripts and pictures, first paint after {paint:F0} ms");
            if (folder is not null)
            {
                await window.Page.GotoAsync($"/dashboard{path}");
                await window.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}-{width}.png"), FullPage = true });
            }
        }
    }

    [Fact]
    public async Task Who_may_not_is_told_why_and_who_may_gets_where_he_was_going()
    {
        await using var window = await browser.OpenAsync(Address);
        var page = window.Page;
        await page.GotoAsync("/dashboard/models");
        await page.GetByLabel("API key").FillAsync("rs_nobody_0123456789abcdef0123456789abcdef0123456789abcdef");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not a valid key");

        await page.GetByLabel("API key").FillAsync((await shop.NewKeyAsync("scores", Roles.Score)).Key);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("does not have the role admin");

        await page.GetByLabel("API key").FillAsync(TestKey.Text);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Models", Exact = true })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await page.GotoAsync("/dashboard/models");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_run_is_watched_to_its_end_and_its_forerunner_activated_after_a_question()
    {
        await using var window = await browser.OpenAsync(Address);
        await window.SignInAsync(TestKey.Text);
        var page = window.Page;
        await page.GotoAsync("/dashboard/training");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start a run" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync("Run ");
        // Nobody loads the page again.
        await Expect(page.Locator("main .badge").First).ToHaveTextAsync("succeeded");
        await Expect(page.GetByRole(AriaRole.Figure, new() { Name = "Loss by epoch" })).ToBeVisibleAsync();
        (await window.FaultsAsync()).ShouldBeEmpty();

        await page.GotoAsync("/dashboard/models/1");
        await page.GetByRole(AriaRole.Link, new() { Name = "Serve this model" }).ClickAsync();
        var question = page.GetByRole(AriaRole.Dialog, new() { Name = "Serve model 1?" });
        await Expect(question).ToBeVisibleAsync();
        (await window.FaultsAsync()).ShouldBeEmpty();
        await page.Keyboard.PressAsync("Escape");
        await Expect(question).ToBeHiddenAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Serve this model" })).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("Enter");
        await question.GetByRole(AriaRole.Button, new() { Name = "Serve it" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("The model is served now.");
        (await shop.Client.GetJsonAsync("/v1/models/1")).GetProperty("active").GetBoolean().ShouldBeTrue();
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveCountAsync(0);
        (await window.FaultsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task New_interactions_appear_by_themselves()
    {
        await using var window = await browser.OpenAsync(Address);
        await window.SignInAsync(TestKey.Text);
        await window.Page.GotoAsync("/dashboard/data");
        await shop.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(new JsonObject { ["userId"] = "has-just-come", ["itemId"] = "item-01", ["type"] = "view" }),
            }
        );
        await Expect(window.Page.GetByRole(AriaRole.Link, new() { Name = "has-just-come" })).ToBeVisibleAsync();
        (await window.FaultsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_new_key_is_shown_once()
    {
        await using var window = await browser.OpenAsync(Address);
        await window.SignInAsync(TestKey.Text);
        var page = window.Page;
        await page.GotoAsync("/dashboard/keys");
        await page.GetByLabel("What it is for").FillAsync("the till");
        await page.GetByLabel("ingest").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Make it" }).ClickAsync();
        var key = await page.Locator("main pre").InnerTextAsync();
        key.ShouldStartWith("rs_");
        await page.ReloadAsync();
        await Expect(page.GetByText("the till")).ToHaveCountAsync(1);
        (await page.ContentAsync()).ShouldNotContain(key);
    }

    [Fact]
    public async Task Everything_is_reached_by_keyboard_on_a_small_screen_and_the_theme_stays()
    {
        await using var window = await browser.OpenAsync(Address, width: 390);
        await window.SignInAsync(TestKey.Text);
        var page = window.Page;
        await page.ReloadAsync();
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Skip to content" })).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Models", Exact = true })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Models", Exact = true })).ToBeHiddenAsync();

        var theme = page.GetByRole(AriaRole.Button, new() { Name = "Theme" });
        await theme.ClickAsync();
        await theme.ClickAsync();
        await Expect(theme).ToHaveTextAsync("Theme: dark");
        await page.GotoAsync("/dashboard/keys");
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        (await window.FaultsAsync()).ShouldBeEmpty();
    }
}
