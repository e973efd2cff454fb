using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Training;

/// <summary>Training data of objective <c>next</c> as the engine takes them: what each user did, one after the other, and the split.</summary>
internal sealed class EncodedSequences
{
    private readonly SparseRows _users;
    private readonly SparseRows _contexts;
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
        _starts = [.. Enumerable.Range(0, Rows.Count).Where(r => r == 0 || Rows[r].User != Rows[r - 1].User), Rows.Count];
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
        _contexts = EncodedRows.Encode(cutoff.Contexts, Index.AppendContext, row);
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
    public IReadOnlyList<CutoffRow> Rows { get; }

    public SparseRows Items { get; }

    public ItemRoles? Roles { get; }

    /// <summary>Whether a user takes an item again.</summary>
    public bool Repeats { get; }

    /// <summary>The events that are held out.</summary>
    public int[] HeldRows => [.. Enumerable.Range(0, Rows.Count).Where(r => _held[r])];

    /// <summary>Whether there is something to learn from and something to measure it by.</summary>
    public bool HasHoldout => _held.Contains(true) && _held.Contains(false);

    public static EncodedSequences Create(Cutoff cutoff, TrainingOptions options) => new(cutoff, options);

    /// <summary>All events.</summary>
    public SequenceSet All() => Set(_ => true, _ => true);

    /// <summary>The events that are fitted before the refit.</summary>
    public SequenceSet Fit() => Set(_ => true, r => !_held[r]);

    /// <summary>The users of whom an event is held out, with what they did before as history alone.</summary>
    public SequenceSet Held() => Set(sequence => _lastHeld[sequence] >= 0, r => r <= _lastHeld[SequenceOf(r)], r => _held[r]);

    /// <summary>What a user did before an event, as requests pool it.</summary>
    public HistoryEvent[] Before(int row)
    {
        var sequence = SequenceOf(row);
        var (from, to) = (_starts[sequence], _lastHeld[sequence] + 1);
        // Events that all have one time have no order: then everything else counts.
        var unordered = to - from >= 2 && Rows[from].Time == Rows[to - 1].Time;
        return
        [
            .. Enumerable
                .Range(from, (unordered ? to : row) - from)
                .Where(r => r != row)
                .Select(r => new HistoryEvent(Rows[r].Item, RelativeWeight(r), Seconds(r))),
        ];
    }

    /// <summary>Time of an event in seconds since 1970.</summary>
    public double Seconds(int row) => (Rows[row].Time - DateTime.UnixEpoch.Ticks) / (double)TimeSpan.TicksPerSecond;

    /// <summary>The types that the settings map, in every spelling that the data have, and the mean weight of the positives.</summary>
    private static HistorySettings? HistoryOf(Cutoff cutoff, TrainingOptions options)
    {
        var length = options.HistoryLength ?? new HistorySettings().Length;
        return length == 0 || cutoff.Rows.Count == 0
            ? null
            : new()
            {
                Length = length,
                MeanWeight = cutoff.Rows.Average(row => (double)row.Weight),
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
        var seen = new HashSet<(int, int)>();
        return !Rows.All(row => seen.Add((row.User, row.Item)));
    }

    /// <param name="takes">Which users are part of it.</param>
    /// <param name="has">Which events are part of it.</param>
    /// <param name="predicts">Which of them are to be predicted; null for all.</param>
    private SequenceSet Set(Func<int, bool> takes, Func<int, bool> has, Func<int, bool>? predicts = null)
    {
        var (starts, users, rows) = (new List<int> { 0 }, new List<int>(), new List<int>());
        for (var sequence = 0; sequence < _starts.Length - 1; sequence++)
        {
            if (!takes(sequence))
            {
                continue;
            }

            for (var r = _starts[sequence]; r < _starts[sequence + 1]; r++)
            {
                if (has(r))
                {
                    rows.Add(r);
                }
            }

            if (rows.Count > starts[^1])
            {
                users.Add(Rows[_starts[sequence]].User);
                starts.Add(rows.Count);
            }
        }

        float[] weights = [.. rows.Select(RelativeWeight)];
        (int Sequence, int Item)[] dislikes = [.. users.SelectMany((user, sequence) => _dislikes[user].Select(dislike => (sequence, dislike.Item)))];
        return new()
        {
            Users = _users,
            Items = Items,
            Roles = Roles,
            Contexts = _contexts,
            Starts = [.. starts],
            UserOf = [.. users],
            ItemOf = [.. rows.Select(r => Rows[r].Item)],
            ContextOf = [.. rows.Select(r => Rows[r].Context)],
            HistoryWeights = weights,
            Weights = predicts is null ? [.. rows.Select(r => RelativeWeight(r) * Rows[r].Share)] : [.. rows.Select(r => predicts(r) ? 1f : 0)],
            Times = [.. rows.Select(Seconds)],
            Dislikes =
                dislikes.Length == 0
                    ? null
                    : RowSets.FromPairs(users.Count, [.. dislikes.Select(pair => pair.Sequence)], [.. dislikes.Select(pair => pair.Item)]),
            DislikeWeight = _dislikeWeight / (float)(History?.MeanWeight ?? 1),
        };
    }

    /// <summary>The weight of an event as compared with the mean of all, as <see cref="HistorySettings.WeightOf"/> says it of requests.</summary>
    private float RelativeWeight(int row) => (float)(Rows[row].Weight / (History?.MeanWeight ?? 1));

    private int SequenceOf(int row)
    {
        var at = Array.BinarySearch(_starts, row);
        return at >= 0 ? at : ~at - 1;
    }
}
