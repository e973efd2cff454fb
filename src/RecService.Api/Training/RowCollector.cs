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

    private readonly CollectedRows _rows = new();
    private readonly CollectedRows _disliked = new();
    private IReadOnlyList<Dislike>? _dislikes;
    private readonly SortedDictionary<string, long> _dropped = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    public void Add(int user, int item, int context, string type, double? value, double time, long interactionKey)
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
            (objective == TrainingObjective.Next ? _disliked : _rows).Add(
                user,
                item,
                context,
                target: 0,
                (float)Math.Abs(meaning.Weight),
                time,
                interactionKey
            );
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
        else
        {
            _rows.Add(user, item, context, target: 1, weight, time, interactionKey);
        }
    }

    /// <summary>Objective <c>next</c>: what users dislike and never liked, by user and item.</summary>
    /// <exception cref="InvalidOperationException"><see cref="Rows"/>, which say what is liked, have not been made.</exception>
    public IReadOnlyList<Dislike> Dislikes() => _dislikes ?? throw new InvalidOperationException("Dislikes come after the rows.");

    /// <summary>
    /// The rows by user, item and context, whose numbers are mapped through <paramref name="contextOrder"/>; with objective <c>next</c> by user, time and
    /// key. What was collected is gone then.
    /// </summary>
    public CutoffRows Rows(int[] contextOrder)
    {
        var rows = objective switch
        {
            TrainingObjective.Next => _rows.ByTime(),
            TrainingObjective.Rating => LastOfPairs(_rows.ByItem()),
            _ => Merged(_rows.ByItemAndContext(contextOrder)),
        };
        foreach (ref var context in rows.Contexts.AsSpan())
        {
            context = contextOrder[context];
        }

        _dislikes = [];
        if (objective == TrainingObjective.Next)
        {
            _dislikes = NeverLiked(_disliked.ByItemAndContext(contextOrder), rows);
            RowWeights.Saturate(rows, saturation);
        }

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

    private void AddRating(int user, int item, int context, double? target, float weight, double time, long interactionKey)
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
        _rows.Add(user, item, context, (float)known, weight, time, interactionKey);
    }

    /// <summary>Of rows by user, item and time, the last of each user and item.</summary>
    private CutoffRows LastOfPairs(CutoffRows rows)
    {
        var kept = 0;
        for (int from = 0, to; from < rows.Count; from = to)
        {
            to = EndOfPair(rows, from);
            Drop("superseded", to - from - 1);
            rows.Copy(to - 1, kept++);
        }

        rows.Truncate(kept);
        return rows;
    }

    /// <summary>Of rows by user, item and context, the positives of a context as one; of pairs that have none, the dislikes.</summary>
    private CutoffRows Merged(CutoffRows rows)
    {
        var kept = 0;
        for (int from = 0, to; from < rows.Count; from = to)
        {
            to = EndOfPair(rows, from);
            var isLiked = rows.Targets is null || rows.Targets.AsSpan(from..to).Contains(1);
            for (int first = from, end; first < to; first = end)
            {
                for (end = first + 1; end < to && rows.ContextOf(end) == rows.ContextOf(first); end++) { }

                var positives = rows.Targets is null ? end - first : rows.Targets.AsSpan(first..end).Count(1);
                var dislikes = end - first - positives;
                Drop("merged", Math.Max(0, positives - 1) + Math.Max(0, dislikes - 1));
                if ((isLiked ? positives : dislikes) is > 0 and var count)
                {
                    Merge(rows, first, end, isLiked ? 1 : 0, count, kept++);
                }
            }
        }

        rows.Truncate(kept);
        return rows;
    }

    /// <summary>Puts those of some rows that have a target into one.</summary>
    private void Merge(CutoffRows rows, int from, int to, float target, int count, int into)
    {
        var (sum, last) = (0f, -1);
        for (var r = from; r < to; r++)
        {
            if (rows.Targets is null || rows.Targets[r] == target)
            {
                (sum, last) = (sum + rows.Weights[r], r);
            }
        }

        rows.Copy(last, into);
        rows.Weights[into] = RowWeights.Saturated(sum, count, saturation);
    }

    /// <summary>Of dislikes by user, item and context those of items that the user has no row of; a pair weighs what it does in the context where that is most.</summary>
    private List<Dislike> NeverLiked(CutoffRows disliked, CutoffRows rows)
    {
        var dislikes = new List<Dislike>();
        var (liked, user) = (new HashSet<int>(), -1);
        for (int from = 0, to; from < disliked.Count; from = to)
        {
            to = EndOfPair(disliked, from);
            if (disliked.Users[from] != user)
            {
                user = disliked.Users[from];
                liked = ItemsOf(user, rows);
            }

            var most = 0f;
            for (int first = from, end; first < to; first = end)
            {
                var sum = 0f;
                for (end = first; end < to && disliked.ContextOf(end) == disliked.ContextOf(first); end++)
                {
                    sum += disliked.Weights[end];
                }

                Drop("merged", end - first - 1);
                most = Math.Max(most, sum);
            }

            if (!liked.Contains(disliked.Items[from]))
            {
                dislikes.Add(new(user, disliked.Items[from], most));
            }
        }

        return dislikes;
    }

    /// <summary>The items of a user, whose rows stand together.</summary>
    private static HashSet<int> ItemsOf(int user, CutoffRows rows)
    {
        var at = Array.BinarySearch(rows.Users, user);
        if (at < 0)
        {
            return [];
        }

        var (from, to) = (at, at + 1);
        for (; from > 0 && rows.Users[from - 1] == user; from--) { }

        for (; to < rows.Count && rows.Users[to] == user; to++) { }

        return [.. rows.Items.AsSpan(from..to)];
    }

    private static int EndOfPair(CutoffRows rows, int from)
    {
        var to = from + 1;
        for (; to < rows.Count && rows.Users[to] == rows.Users[from] && rows.Items[to] == rows.Items[from]; to++) { }

        return to;
    }

    /// <summary>Counted by type, as long as these are few: a type that nobody has configured is often a slip of the pen.</summary>
    private void DropUnknown(string type)
    {
        var reason = $"{TypeNotMapped}:{type}";
        Drop(_dropped.ContainsKey(reason) || _dropped.Count < MostReasons ? reason : TypeNotMapped);
    }

    private void Drop(string reason, long count = 1)
    {
        if (count > 0)
        {
            _dropped[reason] = _dropped.GetValueOrDefault(reason) + count;
        }
    }
}
