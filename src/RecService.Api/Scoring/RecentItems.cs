using RecService.Api.Domain;
using RecService.Api.Publishing;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>What a request says was done just now, beside what is stored of its user or in the place of it.</summary>
/// <param name="Items">What was done, the newest last.</param>
/// <param name="Keys">The keys of the items that are known, in the order of <paramref name="Items"/>; −1 for others.</param>
/// <param name="Unknown">The ids of items that are not known.</param>
/// <param name="Replaces">Whether what is stored does not count.</param>
internal sealed record RecentItems(RecentItem[] Items, long[] Keys, IReadOnlyList<string> Unknown, bool Replaces)
{
    public const string Extend = "extend";
    public const string Replace = "replace";

    private const int MostItems = 10_000;

    // Without times the order counts all the same, and things of one time have none.
    private const double Step = 0.001;

    /// <summary>The keys of items that count as seen.</summary>
    public IEnumerable<long> SeenKeys => Keys.Where(key => key >= 0);

    /// <summary>Checks what does not depend on the model.</summary>
    public static void Check(FieldErrors errors, RecentItem[]? items, string? mode)
    {
        if (mode is not (null or Extend or Replace))
        {
            errors.Add("historyMode", $"must be one of {Extend}, {Replace}");
        }

        if (items?.Length > MostItems)
        {
            errors.Add("recentItems", $"must hold at most {MostItems} items");
            return;
        }

        DateTimeOffset? latest = null;
        for (var i = 0; i < items?.Length; i++)
        {
            if (items[i] is not { } item)
            {
                errors.Add($"recentItems[{i}]", "must be an object");
                continue;
            }

            errors.Check($"recentItems[{i}].itemId", ExternalId.Problem(item.ItemId));
            errors.Check($"recentItems[{i}].type", item.Type is null ? null : Features.NameProblem(item.Type));
            if (item.OccurredAt < DateTimeOffset.UnixEpoch)
            {
                errors.Add($"recentItems[{i}].occurredAt", "must be from 1970 on");
            }

            if (item.OccurredAt < latest)
            {
                errors.Add($"recentItems[{i}].occurredAt", "must not be before that of an earlier element, as the newest comes last");
            }

            latest = item.OccurredAt ?? latest;
        }
    }

    /// <summary>Why there are too many for a model, or null.</summary>
    public static string? TooMany(RecentItem[]? items, HistorySettings? history) =>
        history is not null && items?.Length > history.Length ? $"must hold at most {history.Length} items, the length of the model's histories" : null;

    /// <summary>Looks up the items of requests with their modes, in the snapshot and then in the store.</summary>
    public static async Task<RecentItems[]> FindAsync(
        Snapshot snapshot,
        IReadOnlyList<(RecentItem[]? Items, string? Mode)> requests,
        StoreReader store,
        CancellationToken cancellationToken
    )
    {
        string[] missing =
        [
            .. requests
                .SelectMany(request => request.Items ?? [])
                .Select(item => item.ItemId)
                .Where(id => snapshot.Catalog.IndexOf(id) is null)
                .Distinct(StringComparer.Ordinal),
        ];
        var stored = missing.Length == 0 ? [] : await store.FindItemKeysAsync(missing, cancellationToken);
        long KeyOf(string id) =>
            snapshot.Catalog.IndexOf(id) is { } index ? snapshot.Catalog.Items[index].ItemKey : stored.GetValueOrDefault(id, -1);
        return
        [
            .. requests.Select(request =>
            {
                var items = request.Items ?? [];
                long[] keys = [.. items.Select(item => KeyOf(item.ItemId))];
                return new RecentItems(
                    items,
                    keys,
                    [.. items.Where((_, i) => keys[i] < 0).Select(item => item.ItemId).Distinct(StringComparer.Ordinal)],
                    string.Equals(request.Mode, Replace, StringComparison.Ordinal)
                );
            }),
        ];
    }

    /// <summary>What is stored of a user and what the request says, in the order of time, as a model weighs it.</summary>
    public List<PastEvent> After(IReadOnlyList<PastEvent> stored, HistorySettings? history, DateTimeOffset now)
    {
        if (history is null)
        {
            return [];
        }

        var times = new double[Items.Length];
        for (var i = Items.Length - 1; i >= 0; i--)
        {
            times[i] =
                Items[i].OccurredAt is { } time ? RequestPooling.Seconds(time.UtcDateTime)
                : i == Items.Length - 1 ? RequestPooling.Seconds(now.UtcDateTime)
                : times[i + 1] - Step;
        }

        for (var i = 1; i < times.Length; i++)
        {
            times[i] = Math.Max(times[i], times[i - 1]);
        }

        var recent = Items.Select((item, i) => new PastEvent(Keys[i], item.Type is null ? 1 : history.WeightOf(item.Type), times[i]));
        // Stable: of one time, what is stored comes first.
        return [.. (Replaces ? [] : stored).Concat(recent).OrderBy(e => e.Time)];
    }
}
