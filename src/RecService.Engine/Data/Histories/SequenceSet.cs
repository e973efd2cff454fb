using System.Globalization;
using System.Runtime.CompilerServices;

namespace RecService.Engine.Data.Histories;

/// <summary>
/// What users did, one after the other, to learn from or to measure by: each event is a row that joins one row of each block, and its features are also what
/// the same user did before it. Immutable: the arrays given are kept and must not change.
/// </summary>
/// <remarks>
/// The events of a sequence stand in the order of time. Where all of them, two at least, have one time, there is no order: then the history of each is all the
/// others.
/// </remarks>
public sealed record SequenceSet
{
    /// <summary>Rows of users; those without features are empty.</summary>
    public required SparseRows Users { get; init; }

    /// <summary>Rows of items.</summary>
    public required SparseRows Items { get; init; }

    /// <summary>The items' columns as part of a history; null where the model has no history.</summary>
    public ItemRoles? Roles { get; init; }

    /// <summary>Rows of contexts; null when there are none.</summary>
    public SparseRows? Contexts { get; init; }

    /// <summary>First event of each sequence and, last, the number of events.</summary>
    public required int[] Starts { get; init; }

    /// <summary>User row of each sequence.</summary>
    public required int[] UserOf { get; init; }

    /// <summary>Item row of each event.</summary>
    public required int[] ItemOf { get; init; }

    /// <summary>Context row of each event; null when there are no contexts.</summary>
    public int[]? ContextOf { get; init; }

    /// <summary>
    /// How much each event counts in the histories of later ones, as compared with the mean (<see cref="HistorySettings.WeightOf"/>): 0 for what is no positive.
    /// Null when every event counts 1.
    /// </summary>
    public float[]? HistoryWeights { get; init; }

    /// <summary>How much each event counts as what is to be predicted: 0 for those that are history only. Null when all count 1.</summary>
    public float[]? Weights { get; init; }

    /// <summary>What is to be predicted of each event, for squared and logistic loss: a value, or whether it is above 0. Null when all are 1.</summary>
    public float[]? Targets { get; init; }

    /// <summary>Time of each event in seconds from any origin, not descending within a sequence; null when events are in order of time that is not known.</summary>
    public double[]? Times { get; init; }

    /// <summary>For each sequence the item rows that its user dislikes, which are negatives of that user's rows; null when there are none.</summary>
    public RowSets? Dislikes { get; init; }

    /// <summary>How much a dislike counts as a negative, above 0.</summary>
    public float DislikeWeight { get; init; } = 1;

    /// <summary>Number of events.</summary>
    public int Count => ItemOf.Length;

    /// <summary>Number of sequences.</summary>
    public int SequenceCount => UserOf.Length;

    /// <summary>Upper bound of the columns of all blocks.</summary>
    public int ColumnCount =>
        Math.Max(
            new[] { Users, Items, Contexts }.Max(block => block?.ColumnCount ?? 0),
            new[] { Roles?.History, Roles?.Recent, Roles?.Repeat }.Max(block => block?.ColumnCount ?? 0)
        );

    /// <summary>Whether the events of a sequence have no order, as all have one time.</summary>
    public bool IsUnordered(int sequence)
    {
        var (from, to) = (Starts[sequence], Starts[sequence + 1]);
        return Times is not null && to - from >= 2 && Times[from] == Times[to - 1];
    }

    /// <summary>Weight of an event as what is to be predicted.</summary>
    public float WeightOf(int e) => Weights is null ? 1 : Weights[e];

    /// <summary>Weight of an event in histories.</summary>
    public float HistoryWeightOf(int e) => HistoryWeights is null ? 1 : HistoryWeights[e];

    /// <summary>What is to be predicted of an event.</summary>
    public float TargetOf(int e) => Targets is null ? 1 : Targets[e];

    /// <summary>
    /// Whether an item is to be predicted that the user had before: only then can be learned what coming again means, and columns of field <c>repeat</c> are
    /// of use.
    /// </summary>
    public bool HasRepeats()
    {
        var seen = new HashSet<int>();
        for (var sequence = 0; sequence < SequenceCount; sequence++)
        {
            seen.Clear();
            for (var e = Starts[sequence]; e < Starts[sequence + 1]; e++)
            {
                if (WeightOf(e) > 0 && seen.Contains(ItemOf[e]))
                {
                    return true;
                }

                if (HistoryWeightOf(e) > 0)
                {
                    seen.Add(ItemOf[e]);
                }
            }
        }

        return false;
    }

    /// <summary>
    /// Holds out what comes last: the sequences without the last event to be predicted of some of them, and that event of each of those, with all before it.
    /// </summary>
    /// <param name="isHeldOut">Whether a sequence is one of them; those with one event to be predicted stay whole.</param>
    /// <returns>What to learn from, and the holdout; null where no sequence is long enough.</returns>
    public (SequenceSet Train, SequenceSet? Holdout) HoldOutLast(Func<int, bool> isHeldOut)
    {
        ArgumentNullException.ThrowIfNull(isHeldOut);
        float[] weights = [.. Enumerable.Range(0, Count).Select(WeightOf)];
        float[] historyWeights = [.. Enumerable.Range(0, Count).Select(HistoryWeightOf)];
        var (sequences, events, heldOut) = (new List<int>(), new List<int>(), new List<float>());
        var starts = new List<int> { 0 };
        for (var sequence = 0; sequence < SequenceCount; sequence++)
        {
            if (!isHeldOut(sequence))
            {
                continue;
            }

            var (last, predicted) = (-1, 0);
            for (var e = Starts[sequence]; e < Starts[sequence + 1]; e++)
            {
                (last, predicted) = weights[e] > 0 ? (e, predicted + 1) : (last, predicted);
            }

            if (predicted < 2)
            {
                continue;
            }

            sequences.Add(sequence);
            for (var e = Starts[sequence]; e <= last; e++)
            {
                events.Add(e);
                heldOut.Add(e == last ? weights[e] : 0);
            }

            starts.Add(events.Count);
            weights[last] = 0;
            // Nothing that is to be predicted comes after it; but without order, it would be in the histories of others.
            historyWeights[last] = 0;
        }

        return (
            this with
            {
                Weights = weights,
                HistoryWeights = historyWeights,
            },
            sequences.Count == 0
                ? null
                : this with
                {
                    Starts = [.. starts],
                    UserOf = [.. sequences.Select(sequence => UserOf[sequence])],
                    ItemOf = [.. events.Select(e => ItemOf[e])],
                    ContextOf = ContextOf is null ? null : [.. events.Select(e => ContextOf[e])],
                    HistoryWeights = HistoryWeights is null ? null : [.. events.Select(e => HistoryWeights[e])],
                    Weights = [.. heldOut],
                    Targets = Targets is null ? null : [.. events.Select(e => Targets[e])],
                    Times = Times is null ? null : [.. events.Select(e => Times[e])],
                    Dislikes = null,
                }
        );
    }

    /// <summary>Checks that the parts fit together.</summary>
    /// <exception cref="ArgumentException">Lengths differ, a row is out of range, a number is not finite, or times descend; the message names the event.</exception>
    public void Validate()
    {
        var contexts = Contexts?.Count ?? 0;
        Require(Starts.Length == UserOf.Length + 1 && Starts[0] == 0 && Starts[^1] == Count, $"{Starts.Length} starts do not fit {UserOf.Length} sequences of {Count} events in all");
        Require((Contexts is null) == (ContextOf is null), $"contexts need both rows and the row of each event");
        foreach (var (length, name) in new[] { (ContextOf?.Length, nameof(ContextOf)), (HistoryWeights?.Length, nameof(HistoryWeights)), (Weights?.Length, nameof(Weights)), (Targets?.Length, nameof(Targets)), (Times?.Length, nameof(Times)) })
        {
            Require((length ?? Count) == Count, $"{name} has {length} numbers for {Count} events");
        }

        Require(Dislikes is null || Dislikes.Count == SequenceCount, $"there are dislikes of {Dislikes?.Count} sequences, not {SequenceCount}");
        Dislikes?.CheckMembers(Items.Count, nameof(Dislikes));
        Roles?.Check(Items.Count);
        for (var sequence = 0; sequence < SequenceCount; sequence++)
        {
            Require(Starts[sequence] <= Starts[sequence + 1], $"sequence {sequence} ends before it begins");
            Require((uint)UserOf[sequence] < (uint)Users.Count, $"sequence {sequence} has user row {UserOf[sequence]} of {Users.Count}");
            for (var e = Starts[sequence]; e < Starts[sequence + 1]; e++)
            {
                var (weight, historyWeight) = (WeightOf(e), HistoryWeightOf(e));
                Require((uint)ItemOf[e] < (uint)Items.Count, $"event {e} has item row {ItemOf[e]} of {Items.Count}");
                Require(ContextOf is null || (uint)ContextOf[e] < (uint)contexts, $"event {e} has context row {ContextOf?[e]} of {contexts}");
                Require(float.IsFinite(weight) && weight >= 0, $"event {e} has the weight {weight}");
                Require(float.IsFinite(historyWeight) && historyWeight >= 0, $"event {e} has the history weight {historyWeight}");
                Require(float.IsFinite(TargetOf(e)), $"event {e} has the target {TargetOf(e)}");
                Require(
                    Times is null || (double.IsFinite(Times[e]) && (e == Starts[sequence] || Times[e] >= Times[e - 1])),
                    $"event {e} is earlier than the one before it"
                );
            }
        }
    }

    /// <summary>The text is made only where it is needed: there are millions of events.</summary>
    private static void Require(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ref Complaint what)
    {
        if (!holds)
        {
            throw new ArgumentException(what.Text);
        }
    }

    /// <summary>What does not fit, as a sentence.</summary>
    [InterpolatedStringHandler]
    private ref struct Complaint
    {
        private DefaultInterpolatedStringHandler _text;

        public Complaint(int literalLength, int formattedCount, bool holds, out bool isNeeded)
        {
            isNeeded = !holds;
            _text = holds ? default : new(literalLength + 1, formattedCount, CultureInfo.InvariantCulture);
        }

        public string Text
        {
            get
            {
                _text.AppendLiteral(".");
                return _text.ToStringAndClear();
            }
        }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);
    }
}
