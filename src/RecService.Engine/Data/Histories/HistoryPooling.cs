using System.Runtime.InteropServices;

namespace RecService.Engine.Data.Histories;

/// <summary>A positive of a user's history.</summary>
/// <param name="Item">Row of the item; negative for one that is not known, which says nothing.</param>
/// <param name="Weight">Its weight relative to the mean (<see cref="HistorySettings.WeightOf"/>); 0 for what is no positive.</param>
/// <param name="Time">Its time in seconds, from the origin that the moment asked for has, too.</param>
public readonly record struct HistoryEvent(int Item, float Weight = 1, double Time = 0);

/// <summary>An item that stands in a history.</summary>
/// <param name="Item">Row of the item.</param>
/// <param name="Value">ln(1 + c), c being its weighted count: the value of its columns of field <c>repeat</c>.</param>
public readonly record struct RepeatedItem(int Item, float Value);

/// <summary>What a positive of a history adds to the row of a request.</summary>
/// <param name="Event">Index of the positive among the events that were pooled.</param>
/// <param name="Column">A column of its item.</param>
/// <param name="Value">What it adds to the column's value.</param>
public readonly record struct HistoryEntry(int Event, int Column, float Value);

/// <summary>A pooled history: the columns that it gives the row of a request.</summary>
public sealed class PooledHistory
{
    private readonly int[] _columns;
    private readonly float[] _values;

    internal PooledHistory(HistoryEntry[] entries, RepeatedItem[] repeats)
    {
        Entries = entries;
        Repeats = repeats;
        // Items and tags come again and again: their columns stand in the row once.
        var places = new Dictionary<int, int>(entries.Length);
        var (columns, values) = (new List<int>(entries.Length), new List<float>(entries.Length));
        foreach (var entry in entries)
        {
            ref var place = ref CollectionsMarshal.GetValueRefOrAddDefault(places, entry.Column, out var known);
            if (!known)
            {
                place = columns.Count;
                columns.Add(entry.Column);
                values.Add(0);
            }

            values[place] += entry.Value;
        }

        (_columns, _values) = ([.. columns], [.. values]);
    }

    /// <summary>No history.</summary>
    public static PooledHistory None { get; } = new([], []);

    /// <summary>The columns of fields <c>history</c> and <c>history.recent</c>, each once, to be added to the row of a request.</summary>
    public SparseRow Row => new(_columns, _values);

    /// <summary>What each positive adds to <see cref="Row"/>.</summary>
    public IReadOnlyList<HistoryEntry> Entries { get; }

    /// <summary>The items of the history, each once, with the values of their columns of field <c>repeat</c>; by item.</summary>
    public IReadOnlyList<RepeatedItem> Repeats { get; }

    /// <summary>Whether there is nothing that the model knows of.</summary>
    public bool IsEmpty => _columns.Length == 0;
}

/// <summary>Pools histories into columns of a row, as <see cref="HistorySettings"/> define them: for requests, and to check what training does. Thread-safe.</summary>
public sealed class HistoryPooling
{
    private readonly HistorySettings _settings;
    private readonly ItemRoles _roles;

    /// <param name="settings">The settings of the model.</param>
    /// <param name="roles">The columns of items in the terms of the model.</param>
    public HistoryPooling(HistorySettings settings, ItemRoles roles)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(roles);
        settings.Validate();
        _settings = settings;
        _roles = roles;
    }

    /// <summary>Pools what a user did before a moment.</summary>
    /// <param name="events">
    /// The user's positives before the moment, the newest last. The newest <see cref="HistorySettings.Length"/> that the model knows of count; older ones tell
    /// only how long a run of the same item is, so that there need be none.
    /// </param>
    /// <param name="moment">The moment in seconds, from the origin of the events' times; null for that of the last event.</param>
    /// <exception cref="ArgumentException">An item is out of range, a weight is negative or not finite, or times descend.</exception>
    public PooledHistory Pool(ReadOnlySpan<HistoryEvent> events, double? moment = null)
    {
        var (places, omegas) = Positives(events);
        if (places.Count == 0)
        {
            return PooledHistory.None;
        }

        var first = Math.Max(0, places.Count - _settings.Length);
        var now = moment ?? events[^1].Time;
        // With no order among them, no one of them is recent.
        var ordered = places.Count - first < 2 || events[places[first]].Time != events[places[^1]].Time;
        var mass = 0.0;
        var weights = new double[places.Count - first];
        for (var p = first; p < places.Count; p++)
        {
            weights[p - first] = omegas[p] * HistorySettings.Left(_settings.AgeHalfLife, now - events[places[p]].Time);
            mass += weights[p - first];
        }

        var norm = Math.Pow(mass, -_settings.Alpha);
        var entries = new List<HistoryEntry>();
        var counts = new SortedDictionary<int, double>();
        for (var p = first; p < places.Count; p++)
        {
            var at = places[p];
            var item = events[at].Item;
            Add(entries, at, _roles.History[item], weights[p - first] * norm);
            if (ordered)
            {
                var left = Math.Pow(_settings.Gamma, places.Count - 1 - p) * HistorySettings.Left(_settings.RecentHalfLife, now - events[at].Time);
                Add(entries, at, _roles.Recent[item], omegas[p] * left);
            }

            counts[item] = counts.GetValueOrDefault(item) + events[at].Weight;
        }

        RepeatedItem[] repeats =
            _roles.Repeat is null ? [] : [.. counts.Select(count => new RepeatedItem(count.Key, HistorySettings.RepeatValueOf(count.Value)))];
        return new([.. entries], repeats);
    }

    private static void Add(List<HistoryEntry> entries, int at, SparseRow row, double x)
    {
        for (var e = 0; e < row.Length; e++)
        {
            // What is left of long ago may be less than a float can hold.
            if ((float)(x * row.ValueAt(e)) is not 0 and var value)
            {
                entries.Add(new(at, row.Columns[e], value));
            }
        }
    }

    /// <summary>The events that count, and ω of each.</summary>
    private (List<int> Places, List<float> Omegas) Positives(ReadOnlySpan<HistoryEvent> events)
    {
        var (places, omegas) = (new List<int>(events.Length), new List<float>(events.Length));
        var (last, run) = (-1, 0);
        for (var e = 0; e < events.Length; e++)
        {
            var (item, weight, time) = events[e];
            if (item >= _roles.Count || !float.IsFinite(weight) || weight < 0 || !double.IsFinite(time) || (e > 0 && time < events[e - 1].Time))
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"Event {e} has item row {item} of {_roles.Count}, the weight {weight} and the time {time}, or is older than the one before it."),
                    nameof(events)
                );
            }

            if (weight == 0 || item < 0 || (_roles.History[item].Length == 0 && _roles.Recent[item].Length == 0))
            {
                continue;
            }

            run = item == last ? run + 1 : 1;
            last = item;
            places.Add(e);
            omegas.Add(weight * HistorySettings.SaturationOf(run));
        }

        return (places, omegas);
    }
}
