using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace RecService.Api.Tests.Dashboard;

/// <summary>The system's Chromium; without one, what needs it is skipped.</summary>
public sealed class Browser : IAsyncLifetime
{
    /// <summary>Long enough for a machine that does much else; what is waited for ends it.</summary>
    private const float Patience = 300_000;

    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public static string? Executable { get; } =
        Environment.GetEnvironmentVariable("RECSERVICE_CHROMIUM") ?? Array.Find(Places, File.Exists);

    public async ValueTask InitializeAsync()
    {
        if (Executable is null)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout(Patience);
        // Root has no sandbox, and containers have little shared memory.
        _browser = await _playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = Executable, Args = ["--no-sandbox", "--disable-dev-shm-usage"], Timeout = Patience }
        );
    }

    /// <summary>A window of a person's own, which notes what a page should not do.</summary>
    public async Task<Window> OpenAsync(Uri service, int width = 1280, bool dark = false)
    {
        if (_browser is null)
        {
            Assert.Skip("There is no Chromium: install the package 'chromium', or name its program in RECSERVICE_CHROMIUM.");
        }

        var context = await _browser!.NewContextAsync(
            new()
            {
                BaseURL = service.AbsoluteUri,
                ViewportSize = new() { Width = width, Height = 860 },
                ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            }
        );
        context.SetDefaultTimeout(Patience);
        return new(await context.NewPageAsync(), service);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}

/// <summary>A page in a browser, and what went wrong on it.</summary>
public sealed class Window : IAsyncDisposable
{
    private readonly List<string> _faults = [];

    public Window(IPage page, Uri service)
    {
        ArgumentNullException.ThrowIfNull(page);
        Page = page;
        page.Console += (_, message) => Note(message.Type is "error" or "warning", $"console: {message.Text}");
        page.PageError += (_, error) => Note(true, $"script: {error}");
        page.Request += (_, request) =>
            Note(
                !request.Url.StartsWith(service.AbsoluteUri, StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal),
                $"a request to {request.Url}"
            );
    }

    public IPage Page { get; }

    public async Task SignInAsync(string key)
    {
        await Page.GotoAsync("/");
        await Page.GetByLabel("API key").FillAsync(key);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
    }

    /// <summary>What is wrong with the page as it is now: with its scripts, its requests, its width, and for people who cannot see or point.</summary>
    public async Task<IReadOnlyList<string>> FaultsAsync()
    {
        List<string> faults = [];
        lock (_faults)
        {
            faults.AddRange(_faults);
            _faults.Clear();
        }

        var beyond = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if (beyond > 0)
        {
            faults.Add($"{beyond} pixels wider than the window");
        }

        var accessibility = await Page.RunAxe();
        faults.AddRange(
            accessibility
                .Violations.Where(violation => violation.Impact is "serious" or "critical" or "moderate")
                .Select(violation => $"{violation.Impact}: {violation.Help}, such as {violation.Nodes[0].Html}")
        );
        return faults;
    }

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();

    private void Note(bool isFault, string fault)
    {
        if (isFault)
        {
            lock (_faults)
            {
                _faults.Add($"{Page.Url}: {fault}");
            }
        }
    }
}
