using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Training;

/// <summary>Training data of objective <c>next</c> as the engine takes them: what each user did, one after the other, and the split.</summary>
internal sealed class EncodedSequences
{
    private readonly SparseRows _users;
    private readonly SparseRows? _contexts;
    private readonly bool[] _held;
    private readonly int[] _starts;
    private readonly int[] _lastHeld;
    private readonly ILookup<int, Dislike> _dislikes;
    private readonly float _dislikeWeight;

    private EncodedSequences(Cutoff cutoff, TrainingOptions options)
    {
        Cutoff = cutoff;
        Rows = cutoff.Rows;
        _dislikes = cutoff.Dislikes.ToLookup(dislike => dislike.User);
        _dislikeWeight = cutoff.Dislikes.Count == 0 ? 1 : cutoff.Dislikes.Average(dislike => dislike.Weight);
        _starts = [.. Enumerable.Range(0, Rows.Count).Where(r => r == 0 || Rows.Users[r] != Rows.Users[r - 1]), Rows.Count];
        _held = Holdout.Choose(cutoff, options);
        // Of each user, −1 where none is.
        _lastHeld = [.. _starts.Skip(1).Zip(_starts, (end, start) => Array.LastIndexOf(_held, value: true, end - 1, end - start))];
        History = HistoryOf(cutoff, options);
        Repeats = HasRepeats();
        var userIds = options.UserIds ?? History is null;
        (Space, Index, Findings) = EncodedRows.CountFeatures(
            cutoff,
            options.MinimumFeatureCount,
            userIds,
            History is not null,
            Repeats && History is not null
        );
        var row = new RowBuffer();
        _users = EncodedRows.Encode(cutoff.Users, Index.AppendUser, row);
        Items = EncodedRows.Encode(cutoff.Items, Index.AppendItem, row);
        _contexts = Rows.Contexts is null ? null : EncodedRows.Encode(cutoff.Contexts, Index.AppendContext, row);
        Roles = History is null ? null : ItemRoles.Of(Index, cutoff.Items);
    }

    /// <summary>What was read.</summary>
    public Cutoff Cutoff { get; }

    public FeatureSpace Space { get; }

    public FeatureIndex Index { get; }

    public AttributeFindings Findings { get; }

    /// <summary>What a history is to the model; null for a model without.</summary>
    public HistorySettings? History { get; }

    /// <summary>The events, those of each user in the order of time.</summary>
    public CutoffRows Rows { get; }

    public SparseRows Items { get; }

    public ItemRoles? Roles { get; }

    /// <summary>Whether a user takes an item again.</summary>
    public bool Repeats { get; }

    /// <summary>The events that are held out.</summary>
    public int[] HeldRows => [.. Enumerable.Range(0, Rows.Count).Where(r => _held[r])];

    /// <summary>Whether there is something to learn from and something to measure it by.</summary>
    public bool HasHoldout => _held.Contains(true) && _held.Contains(false);

    public static EncodedSequences Create(Cutoff cutoff, TrainingOptions options) => new(cutoff, options);

    /// <summary>All events; what does not depend on the split is shared with <see cref="Fit"/>.</summary>
    public SequenceSet All() =>
        Set(
            _starts,
            [.. _starts.Take(_starts.Length - 1).Select(start => Rows.Users[start])],
            Rows.Items,
            Rows.Contexts,
            Rows.Times,
            HistoryWeights(),
            TargetWeights()
        );

    /// <summary>The events that are fitted before the refit: those held out count for nothing.</summary>
    public SequenceSet Fit()
    {
        var all = All();
        var weights = all.Weights ?? Ones();
        // Millions of both, which are mostly alike.
        var historyWeights = all.HistoryWeights ?? (all.Weights is null ? weights : Ones());
        for (var r = 0; r < _held.Length; r++)
        {
            if (_held[r])
            {
                (weights[r], historyWeights[r]) = (0, 0);
            }
        }

        return all with { Weights = weights, HistoryWeights = historyWeights };
    }

    /// <summary>The users of whom an event is held out, with what they did before as history alone.</summary>
    public SequenceSet Held()
    {
        var (starts, users, rows) = (new List<int> { 0 }, new List<int>(), new List<int>());
        for (var sequence = 0; sequence < _lastHeld.Length; sequence++)
        {
            if (_lastHeld[sequence] >= 0)
            {
                users.Add(Rows.Users[_starts[sequence]]);
                rows.AddRange(Enumerable.Range(_starts[sequence], _lastHeld[sequence] + 1 - _starts[sequence]));
                starts.Add(rows.Count);
            }
        }

        return Set(
            [.. starts],
            [.. users],
            [.. rows.Select(r => Rows.Items[r])],
            Rows.Contexts is { } contexts ? [.. rows.Select(r => contexts[r])] : null,
            [.. rows.Select(r => Rows.Times[r])],
            [.. rows.Select(RelativeWeight)],
            [.. rows.Select(r => _held[r] ? 1f : 0)]
        );
    }

    /// <summary>Per user the items of the events that are fitted.</summary>
    public RowSets FittedItems()
    {
        var (offsets, items) = (new int[_starts.Length], new int[Rows.Count - HeldRows.Length]);
        for (var sequence = 0; sequence < _lastHeld.Length; sequence++)
        {
            var end = offsets[sequence];
            for (var r = _starts[sequence]; r < _starts[sequence + 1]; r++)
            {
                if (!_held[r])
                {
                    items[end++] = Rows.Items[r];
                }
            }

            offsets[sequence + 1] = end;
        }

        return RowSets.FromRuns(offsets, items);
    }

    /// <summary>What a user did before an event, as requests pool it.</summary>
    public HistoryEvent[] Before(int row)
    {
        var sequence = SequenceOf(row);
        var (from, to) = (_starts[sequence], _lastHeld[sequence] + 1);
        // Events that all have one time have no order: then everything else counts.
        var unordered = to - from >= 2 && Rows.Times[from] == Rows.Times[to - 1];
        return
        [
            .. Enumerable
                .Range(from, (unordered ? to : row) - from)
                .Where(r => r != row)
                .Select(r => new HistoryEvent(Rows.Items[r], RelativeWeight(r), Rows.Times[r])),
        ];
    }

    /// <summary>The types that the settings map, in every spelling that the data have, and the mean weight of the positives.</summary>
    private static HistorySettings? HistoryOf(Cutoff cutoff, TrainingOptions options)
    {
        var length = options.HistoryLength ?? new HistorySettings().Length;
        return length == 0 || cutoff.Rows.Count == 0
            ? null
            : new()
            {
                Length = length,
                MeanWeight = cutoff.Rows.Weights.Average(weight => (double)weight),
                Types =
                [
                    .. options
                        .Types.Keys.Concat(cutoff.Types.Where(options.Types.ContainsKey))
                        .Distinct(StringComparer.Ordinal)
                        .Order(StringComparer.Ordinal)
                        .Select(type =>
                            options
                                .Types[type]
                                .ToMeaning(
                                    type,
                                    cutoff.ValueRanges.GetValueOrDefault(type),
                                    cutoff.TypicalValues.TryGetValue(type, out var typical) ? typical : null
                                )
                        ),
                ],
            };
    }

    private bool HasRepeats()
    {
        var seen = new HashSet<int>();
        for (var sequence = 0; sequence + 1 < _starts.Length; sequence++)
        {
            seen.Clear();
            for (var r = _starts[sequence]; r < _starts[sequence + 1]; r++)
            {
                if (!seen.Add(Rows.Items[r]))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private SequenceSet Set(
        int[] starts,
        int[] users,
        int[] items,
        int[]? contexts,
        double[] times,
        float[]? historyWeights,
        float[]? weights
    )
    {
        (int Sequence, int Item)[] dislikes = [.. users.SelectMany((user, sequence) => _dislikes[user].Select(dislike => (sequence, dislike.Item)))];
        return new()
        {
            Users = _users,
            Items = Items,
            Roles = Roles,
            Contexts = _contexts,
            Starts = starts,
            UserOf = users,
            ItemOf = items,
            ContextOf = contexts,
            HistoryWeights = historyWeights,
            Weights = weights,
            Times = times,
            Dislikes =
                dislikes.Length == 0
                    ? null
                    : RowSets.FromPairs(users.Length, [.. dislikes.Select(pair => pair.Sequence)], [.. dislikes.Select(pair => pair.Item)]),
            DislikeWeight = _dislikeWeight / (float)(History?.MeanWeight ?? 1),
        };
    }

    /// <summary>How much each event counts in histories; null when all count alike.</summary>
    private float[]? HistoryWeights() => OfAll(RelativeWeight);

    /// <summary>How much each event counts as what is to be predicted; null when all count alike.</summary>
    private float[]? TargetWeights() => OfAll(r => RelativeWeight(r) * Rows.ShareOf(r));

    private float[]? OfAll(Func<int, float> weightOf)
    {
        var weights = Ones();
        var alike = true;
        for (var r = 0; r < weights.Length; r++)
        {
            weights[r] = weightOf(r);
            alike &= weights[r] == 1;
        }

        return alike ? null : weights;
    }

    private float[] Ones()
    {
        var ones = new float[Rows.Count];
        Array.Fill(ones, 1);
        return ones;
    }

    /// <summary>The weight of an event as compared with the mean of all, as <see cref="HistorySettings.WeightOf"/> says it of requests.</summary>
    private float RelativeWeight(int row) => (float)(Rows.Weights[row] / (History?.MeanWeight ?? 1));

    private int SequenceOf(int row)
    {
        var at = Array.BinarySearch(_starts, row);
        return at >= 0 ? at : ~at - 1;
    }
}
