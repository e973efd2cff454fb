using System.Net;
using System.Text.RegularExpressions;

namespace RecService.Benchmarks;

/// <summary>People who have the dashboard open, in every other minute: a page every few seconds, and the newest interactions as its script asks for them.</summary>
internal sealed partial class DashboardLookers(Uri service, string key)
{
    private static readonly string[] Pages = ["", "/data", "/training", "/training/1", "/models", "/try?user=user-1&count=10", "/items", "/users", "/settings"];
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3);

    private int _pages;

    /// <summary>How many pages and parts of pages were answered.</summary>
    public int Answered => _pages;

    /// <summary>Whether they look in a minute, of which the first is 1.</summary>
    public static bool LookIn(int minute) => minute % 2 == 0;

    /// <summary>Ends when the load does.</summary>
    public Task LookAsync(int count, TimeSpan duration) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(number => LookAsync(number, DateTimeOffset.UtcNow, duration)));

    private async Task LookAsync(int number, DateTimeOffset start, TimeSpan duration)
    {
        using var client = new HttpClient(new SocketsHttpHandler { CookieContainer = new(), AllowAutoRedirect = false }) { BaseAddress = service };
        var form = await client.GetStringAsync(new Uri("/dashboard/sign-in", UriKind.Relative));
        using var fields = new FormUrlEncodedContent([new("key", key), new("token", Token().Match(form).Groups["token"].Value)]);
        using (var signedIn = await client.PostAsync(new Uri("/dashboard/sign-in", UriKind.Relative), fields))
        {
            if (signedIn.StatusCode != HttpStatusCode.SeeOther)
            {
                throw new InvalidOperationException($"Signing in was answered {(int)signedIn.StatusCode}.");
            }
        }

        // Not all in the same moment.
        await Task.Delay(Pause * (number % 10) / 10);
        for (var look = number; DateTimeOffset.UtcNow - start is var now && now < duration; look++)
        {
            if (LookIn((int)now.TotalMinutes + 1))
            {
                await ReadAsync(client, look % 3 == 0 ? Pages[look / 3 % Pages.Length] : "/data/newest");
            }

            await Task.Delay(Pause);
        }
    }

    private async Task ReadAsync(HttpClient client, string page)
    {
        using var answer = await client.GetAsync(new Uri($"/dashboard{page}", UriKind.Relative));
        await answer.Content.ReadAsByteArrayAsync();
        answer.EnsureSuccessStatusCode();
        Interlocked.Increment(ref _pages);
    }

    [GeneratedRegex("name=\"token\" value=\"(?<token>[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Token();
}
