using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;

namespace RecService.Api.Tests.Fixtures;

internal static class Snapshots
{
    /// <summary>Counts the users of items, and brings the snapshot up to date with what is stored.</summary>
    public static async Task RefreshAsync(this IServiceProvider services)
    {
        await services.CountAsync();
        await services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
    }

    /// <summary>Counts the users of items, until all interactions that are committed count.</summary>
    public static async Task CountAsync(this IServiceProvider services)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!await services.GetRequiredService<ItemCounter>().RunAsync(limit.Token))
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
