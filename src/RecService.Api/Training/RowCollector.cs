using System.Runtime.InteropServices;

namespace RecService.Api.Training;

/// <summary>Turns interactions into training rows by the objective's rules, and counts what it drops.</summary>
/// <remarks>
/// Objective <c>rating</c>: the last value of a user and an item wins. Objective <c>implicit</c>: repeats in the same context add their weights;
/// values below the positive threshold are no positives.
/// </remarks>
internal sealed class RowCollector(TrainingObjective objective, IReadOnlyDictionary<string, InteractionTypeOptions> types)
{
    private readonly Dictionary<(int User, int Item, int Context), Entry> _entries = [];
    private readonly SortedDictionary<string, long> _dropped = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    public void Add(int user, int item, int context, string type, double? value, long time, long interactionKey)
    {
        if (!types.TryGetValue(type, out var meaning) || meaning.Weight == 0)
        {
            Drop("type-not-mapped");
        }
        else if (objective == TrainingObjective.Rating)
        {
            AddRating(user, item, context, meaning.Target ?? value, (float)meaning.Weight, time, interactionKey);
        }
        else if (value is null && meaning.PositiveFrom is not null)
        {
            Drop("no-value");
        }
        else if (value < meaning.PositiveFrom)
        {
            Drop("below-positive-threshold");
        }
        else
        {
            AddPositive(user, item, context, (float)meaning.Weight, time);
        }
    }

    /// <summary>The rows by user, item and context, whose numbers are mapped through <paramref name="contextOrder"/>.</summary>
    public List<CutoffRow> Rows(ReadOnlySpan<int> contextOrder)
    {
        var rows = new List<CutoffRow>(_entries.Count);
        foreach (var (key, entry) in _entries)
        {
            rows.Add(new(key.User, key.Item, contextOrder[entry.Context], entry.Target, entry.Weight, entry.Time));
        }
        // The largest thing in memory is no longer needed when the next one grows.
        _entries.Clear();
        _entries.TrimExcess();
        rows.Sort(static (a, b) => (a.User, a.Item, a.Context).CompareTo((b.User, b.Item, b.Context)));
        return rows;
    }

    private void AddRating(int user, int item, int context, double? target, float weight, long time, long interactionKey)
    {
        if (target is not { } known)
        {
            Drop("no-value");
            return;
        }
        if (!float.IsFinite((float)known))
        {
            Drop("value-out-of-range");
            return;
        }
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, (user, item, 0), out var exists);
        if (exists)
        {
            Drop("superseded");
        }

        if (!exists || (time, interactionKey).CompareTo((entry.Time, entry.InteractionKey)) > 0)
        {
            entry = new(context, (float)known, weight, time, interactionKey);
        }
    }

    private void AddPositive(int user, int item, int context, float weight, long time)
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, (user, item, context), out var exists);
        if (exists)
        {
            Drop("merged");
        }

        entry = new(context, 1, entry.Weight + weight, Math.Max(entry.Time, time), 0);
    }

    private void Drop(string reason) => _dropped[reason] = _dropped.GetValueOrDefault(reason) + 1;

    private readonly record struct Entry(int Context, float Target, float Weight, long Time, long InteractionKey);
}
