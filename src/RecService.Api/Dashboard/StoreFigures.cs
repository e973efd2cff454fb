using Microsoft.EntityFrameworkCore;
using RecService.Api.Catalog;
using RecService.Api.Domain;
using RecService.Api.Interactions;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Dashboard;

/// <summary>What the store holds.</summary>
/// <param name="Types">The types of interactions, the most frequent first.</param>
/// <param name="Days">Interactions by day and type, over the last days that have some.</param>
/// <param name="Users">How many users there are.</param>
/// <param name="CountedAt">When that was.</param>
internal sealed record StoreFigures(
    IReadOnlyList<InteractionTypeResponse> Types,
    IReadOnlyList<DayCount> Days,
    long Users,
    DateTimeOffset CountedAt
)
{
    public const int ShownDays = 30;

    public long Interactions => Types.Sum(type => type.Count);

    public DateTimeOffset? Newest => Types.Count == 0 ? null : Types.Max(type => type.Newest);
}

/// <summary>
/// Counts what the store holds, at most once a minute and a tenth of the time, whoever looks and however many do. Meanwhile there are the former numbers;
/// of a large store, the first ones take longer than somebody waits for a page.
/// </summary>
internal sealed partial class StoreCounter(IServiceScopeFactory scopes, TimeProvider clock, ILogger<StoreCounter> logger)
{
    private const int RestPerCount = 10;

    private static readonly TimeSpan ShortestRest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Lock _lock = new();
    private Task<StoreFigures>? _counting;
    private StoreFigures? _counted;
    private DateTimeOffset _next = DateTimeOffset.MinValue;

    /// <summary>The newest numbers; null where none are there yet.</summary>
    public async Task<StoreFigures?> ReadAsync(CancellationToken cancellationToken)
    {
        Task<StoreFigures> counting;
        lock (_lock)
        {
            if (_counting is null && clock.GetUtcNow() < _next)
            {
                return _counted;
            }

            counting = _counting ??= CountAsync();
            if (_counted is not null)
            {
                return _counted;
            }
        }

        var first = await Task.WhenAny(counting, Task.Delay(Patience, clock, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        return first == counting ? await counting : Volatile.Read(ref _counted);
    }

    // The index finds what is new, and that is enough where something comes every other day. Data of trials end long ago, and have gaps.
    private static async Task<IReadOnlyList<DayCount>> LastDaysAsync(InteractionFigures figures, DateTimeOffset newest)
    {
        var counts = await figures.CountByDayAsync(newest.AddDays(-2 * StoreFigures.ShownDays), Limit, CancellationToken.None);
        if (DaysOf(counts).Count < StoreFigures.ShownDays)
        {
            counts = await figures.CountByDayAsync(from: null, Limit, CancellationToken.None);
        }

        var first = DaysOf(counts).TakeLast(StoreFigures.ShownDays).FirstOrDefault();
        return [.. counts.Where(count => count.Day >= first)];

        static List<DateOnly> DaysOf(IReadOnlyList<DayCount> counts) => [.. counts.Select(count => count.Day).Distinct()];
    }

    private async Task<StoreFigures> CountAsync()
    {
        await Task.Yield();
        var start = clock.GetUtcNow();
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var services = scope.ServiceProvider;
            var context = services.GetRequiredService<RecServiceDbContext>();
            context.Database.SetCommandTimeout(Limit);
            var types = (await InteractionEndpoints.ListTypesAsync(context, services.GetRequiredService<Feedback>(), CancellationToken.None)).Value!.Types;
            var days = types.Count == 0 ? [] : await LastDaysAsync(services.GetRequiredService<InteractionFigures>(), types.Max(type => type.Newest));
            var figures = new StoreFigures(types, days, await services.GetRequiredService<UserStore>().CountAsync(CancellationToken.None), clock.GetUtcNow());
            Volatile.Write(ref _counted, figures);
            return figures;
        }
        catch (Exception exception)
        {
            // Nobody may be waiting for it any more.
            LogCountFailed(exception.Discreet());
            throw;
        }
        finally
        {
            lock (_lock)
            {
                var took = clock.GetUtcNow() - start;
                _next = start + took + TimeSpan.FromTicks(Math.Max(ShortestRest.Ticks, RestPerCount * took.Ticks));
                _counting = null;
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "What the store holds could not be counted for the dashboard")]
    private partial void LogCountFailed(Exception exception);
}
