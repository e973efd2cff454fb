using Microsoft.Playwright;
using RecService.Api.Tests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace RecService.Api.Tests.Dashboard;

/// <summary>The sample shop beside the service, in a real browser.</summary>
public sealed class SampleTests(Browser browser, ShopService service) : IClassFixture<Browser>, IClassFixture<ShopService>
{
    [Fact]
    public async Task A_visitor_looks_buys_and_is_recommended_to_by_that()
    {
        var folder = Path.Combine(Repository.Root, "samples", "Shop");
        using var shop = new ServiceProcess(
            Path.Combine(folder, Path.GetRelativePath(Path.Combine(Repository.Root, "tests", "RecService.Api.Tests"), AppContext.BaseDirectory), "Shop.dll"),
            ["--contentRoot", folder],
            ("RecService:BaseAddress", service.Client.BaseAddress!.AbsoluteUri),
            ("RecService:ApiKey", TestKey.Text)
        );
        await using var window = await browser.OpenAsync(await shop.AddressAsync());
        var page = window.Page;
        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "What others like" })).ToBeVisibleAsync();
        (await window.FaultsAsync()).ShouldBeEmpty();

        await page.Locator(".shelf a").First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Similar films" })).ToBeVisibleAsync();
        var title = await page.GetByRole(AriaRole.Heading, new() { Level = 1 }).InnerTextAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Buy" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Thank you.");
        (await window.FaultsAsync()).ShouldBeEmpty();

        // The sender sends within a moment.
        while (await service.ScalarAsync<long>("SELECT count(*) FROM interactions WHERE type = 'purchase' AND recommendation_id IS NOT NULL") == 0)
        {
            await Task.Delay(50);
        }

        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "For you" })).ToBeVisibleAsync();
        (await page.Locator(".shelf strong").AllInnerTextsAsync()).ShouldNotContain(title);
        (await shop.StopAsync("TERM")).ShouldBe(0, shop.Output);
    }
}
