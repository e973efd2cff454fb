using System.Runtime.InteropServices;

namespace RecService.Api.Training;

/// <summary>Turns interactions into training rows by the objective's rules, and counts what it drops.</summary>
/// <remarks>
/// Objective <c>rating</c>: the last value of a user and an item wins. Objective <c>implicit</c>: repeats in the same context add their weights, saturated;
/// values below the positive threshold are no positives, and dislikes have the target 0. Objective <c>next</c>: the same positives, each by itself, and
/// dislikes apart. Who likes an item in one interaction does not dislike it in another.
/// What has a value out of the range of its type counts for nothing, with any objective. Dislikes count the same whatever their value.
/// </remarks>
internal sealed class RowCollector(
    TrainingObjective objective,
    IReadOnlyDictionary<string, InteractionTypeOptions> types,
    RepeatSaturation saturation = RepeatSaturation.Log,
    double userShare = 1,
    IReadOnlyDictionary<string, ValueRange>? ranges = null,
    IReadOnlyDictionary<string, double>? typicalValues = null
)
{
    /// <summary>The reason for which interactions are dropped whose types the settings do not name; followed by a colon and the type.</summary>
    public const string TypeNotMapped = "type-not-mapped";

    private const string ValueOutOfRange = "value-out-of-range";

    private const int MostReasons = 100;

    private readonly Dictionary<(int User, int Item, int Context), Entry> _entries = [];
    private readonly List<(CutoffRow Row, long InteractionKey)> _events = [];
    private readonly Dictionary<(int User, int Item, int Context), Entry> _dislikes = [];
    private readonly HashSet<(int User, int Item)> _liked = [];
    private readonly SortedDictionary<string, long> _dropped = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    public void Add(int user, int item, int context, string type, double? value, long time, long interactionKey)
    {
        if (!types.TryGetValue(type, out var meaning))
        {
            DropUnknown(type);
        }
        else if (meaning.Weight == 0)
        {
            Drop("type-not-trained-on");
        }
        else if (ranges?.GetValueOrDefault(type)?.Holds(value) == false)
        {
            Drop(ValueOutOfRange);
        }
        else if (objective == TrainingObjective.Rating)
        {
            AddRating(user, item, context, meaning.Target ?? value, (float)Math.Abs(meaning.Weight), time, interactionKey);
        }
        else if (meaning.Weight < 0 || value <= meaning.NegativeTo)
        {
            AddTo(_dislikes, user, item, context, target: 0, (float)Math.Abs(meaning.Weight), time);
        }
        else if (value is null && meaning.PositiveFrom is not null)
        {
            Drop("no-value");
        }
        else if (value < meaning.PositiveFrom)
        {
            Drop("below-positive-threshold");
        }
        else if (WeightOf(type, meaning, value) is not (> 0 and var weight))
        {
            Drop("value-not-positive");
        }
        else if (objective == TrainingObjective.Next)
        {
            _events.Add((new(user, item, context, Target: 1, weight, time), interactionKey));
        }
        else
        {
            AddTo(_entries, user, item, context, target: 1, weight, time);
        }
    }

    /// <summary>Objective <c>next</c>: what users dislike and never liked; to be read after <see cref="Rows"/>.</summary>
    public List<Dislike> Dislikes() =>
        objective != TrainingObjective.Next
            ? []
            :
            [
                .. _dislikes
                    .GroupBy(entry => (entry.Key.User, entry.Key.Item), entry => entry.Value.Weight)
                    .Where(pair => !_liked.Contains(pair.Key))
                    .OrderBy(pair => pair.Key)
                    .Select(pair => new Dislike(pair.Key.User, pair.Key.Item, pair.Max())),
            ];

    /// <summary>
    /// The rows by user, item and context, whose numbers are mapped through <paramref name="contextOrder"/>; with objective <c>next</c> by user, time and
    /// key.
    /// </summary>
    public List<CutoffRow> Rows(ReadOnlySpan<int> contextOrder)
    {
        if (objective == TrainingObjective.Next)
        {
            return Events(contextOrder);
        }

        var rows = new List<CutoffRow>(_entries.Count + _dislikes.Count);
        if (_dislikes.Count > 0)
        {
            _liked.UnionWith(_entries.Keys.Select(key => (key.User, key.Item)));
        }

        foreach (var (key, entry) in _entries.Concat(_dislikes.Where(dislike => !_liked.Contains((dislike.Key.User, dislike.Key.Item)))))
        {
            var weight = entry.Count == 0 ? entry.Weight : RowWeights.Saturated(entry.Weight, entry.Count, saturation);
            rows.Add(new(key.User, key.Item, contextOrder[entry.Context], entry.Target, weight, entry.Time));
        }
        // The largest thing in memory is no longer needed when the next one grows.
        _entries.Clear();
        _entries.TrimExcess();
        rows.Sort(static (a, b) => (a.User, a.Item, a.Context).CompareTo((b.User, b.Item, b.Context)));
        if (objective != TrainingObjective.Rating)
        {
            RowWeights.Limit(rows, userShare);
        }

        return rows;
    }

    /// <summary>As histories weigh it.</summary>
    private float WeightOf(string type, InteractionTypeOptions meaning, double? value) =>
        typicalValues?.TryGetValue(type, out var typical) == true
            ? meaning.ToMeaning(type, range: null, typical).WeightOf(value)
            : (float)meaning.Weight;

    private List<CutoffRow> Events(ReadOnlySpan<int> contextOrder)
    {
        _events.Sort(static (a, b) => (a.Row.User, a.Row.Time, a.InteractionKey).CompareTo((b.Row.User, b.Row.Time, b.InteractionKey)));
        var rows = new List<CutoffRow>(_events.Count);
        foreach (var (row, _) in _events)
        {
            rows.Add(row with { Context = contextOrder[row.Context] });
            if (_dislikes.Count > 0)
            {
                _liked.Add((row.User, row.Item));
            }
        }

        _events.Clear();
        _events.TrimExcess();
        RowWeights.Saturate(rows, saturation);
        RowWeights.Limit(rows, userShare);
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
            Drop(ValueOutOfRange);
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

    private void AddTo(
        Dictionary<(int User, int Item, int Context), Entry> entries,
        int user,
        int item,
        int context,
        float target,
        float weight,
        long time
    )
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(entries, (user, item, context), out var exists);
        if (exists)
        {
            Drop("merged");
        }

        entry = new(context, target, entry.Weight + weight, Math.Max(entry.Time, time), 0, entry.Count + 1);
    }

    /// <summary>Counted by type, as long as these are few: a type that nobody has configured is often a slip of the pen.</summary>
    private void DropUnknown(string type)
    {
        var reason = $"{TypeNotMapped}:{type}";
        Drop(_dropped.ContainsKey(reason) || _dropped.Count < MostReasons ? reason : TypeNotMapped);
    }

    private void Drop(string reason) => _dropped[reason] = _dropped.GetValueOrDefault(reason) + 1;

    private readonly record struct Entry(int Context, float Target, float Weight, long Time, long InteractionKey, int Count = 0);
}
