using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>
/// Pools what users did in the terms of a model: with the items of the snapshot where it is the one that is served, else with the items as stored.
/// </summary>
internal sealed class RequestPooling
{
    private readonly HistoryPooling? _pooling;
    private readonly Func<long, int?> _rowOf;
    private readonly Func<int, string> _idOf;
    private readonly double _now;

    private RequestPooling(HistoryPooling? pooling, Func<long, int?> rowOf, Func<int, string> idOf, double now)
    {
        _pooling = pooling;
        _rowOf = rowOf;
        _idOf = idOf;
        _now = now;
    }

    /// <param name="snapshot">The snapshot of the request.</param>
    /// <param name="model">The model; null when there is none.</param>
    /// <param name="events">What will be pooled, of all users.</param>
    /// <param name="store">Where items are looked up that another model than the served one needs.</param>
    /// <param name="now">The moment of the request.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task<RequestPooling> CreateAsync(
        Snapshot snapshot,
        LoadedModel? model,
        IEnumerable<PastEvent> events,
        StoreReader store,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (model is RankingModel ranking && ReferenceEquals(model, snapshot.Model))
        {
            var catalog = snapshot.Catalog;
            return new(ranking.Pooling, key => catalog.IndexOf(key), row => catalog.Items[row].ItemId, Seconds(now.UtcDateTime));
        }

        var keys = model?.Model.History is null ? [] : events.Select(e => e.ItemKey).Distinct().ToArray();
        var items = keys.Length == 0 ? [] : await store.FindItemFeaturesAsync(keys, cancellationToken);
        var rows = items.Select((item, row) => (item.Key, Row: row)).ToDictionary(item => item.Key, item => item.Row);
        return new(
            items.Count == 0 ? null : new(model!.Model.History!, ItemRoles.Of(model.Index, items.Select(item => item.Value))),
            key => rows.TryGetValue(key, out var row) ? row : null,
            row => items[row].Value.Id!,
            Seconds(now.UtcDateTime)
        );
    }

    /// <summary>Seconds since 1970, as in training.</summary>
    public static double Seconds(DateTime time) => (time.Ticks - DateTime.UnixEpoch.Ticks) / (double)TimeSpan.TicksPerSecond;

    /// <summary>Pools events, the oldest first. The moment is now, or that of the last one where clocks of callers run ahead.</summary>
    public RequestHistory Pool(IReadOnlyList<PastEvent> events)
    {
        if (_pooling is null || events.Count == 0)
        {
            return RequestHistory.None;
        }

        HistoryEvent[] known = [.. events.Select(e => new HistoryEvent(_rowOf(e.ItemKey) ?? -1, e.Weight, e.Time))];
        var pooled = _pooling.Pool(known, Math.Max(_now, events[^1].Time));
        return new(
            pooled,
            [.. known.Select(e => e.Item < 0 ? "" : _idOf(e.Item))],
            pooled.Repeats.ToDictionary(repeat => _idOf(repeat.Item), repeat => repeat.Value, StringComparer.Ordinal)
        );
    }
}
