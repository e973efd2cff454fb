using RecService.Engine.Data;
using RecService.Engine.Evaluation;

namespace RecService.Api.Training;

/// <summary>Training data as the engine takes it: columns, one block of rows each for users, items and contexts, and the split.</summary>
internal sealed class EncodedRows
{
    /// <summary>The position of a block in an example's blocks.</summary>
    public const int UserBlock = 0,
        ItemBlock = 1,
        ContextBlock = 2;

    private readonly SparseRows[] _blocks;

    private EncodedRows(
        Cutoff cutoff,
        FeatureSpace space,
        FeatureIndex index,
        AttributeFindings findings,
        SparseRows[] blocks,
        int[] fit,
        int[] holdout
    )
    {
        Cutoff = cutoff;
        _blocks = blocks;
        Space = space;
        Index = index;
        Findings = findings;
        FitRows = fit;
        HoldoutRows = holdout;
    }

    /// <summary>What was read.</summary>
    public Cutoff Cutoff { get; }

    public FeatureSpace Space { get; }

    public FeatureIndex Index { get; }

    public AttributeFindings Findings { get; }

    /// <summary>Rows that are fitted before the refit.</summary>
    public int[] FitRows { get; }

    /// <summary>Rows that are held out.</summary>
    public int[] HoldoutRows { get; }

    /// <summary>Whether there is something to learn from and something to measure it by.</summary>
    public bool HasHoldout => FitRows.Length > 0 && HoldoutRows.Length > 0;

    /// <summary>All rows.</summary>
    public int[] AllRows => [.. Enumerable.Range(0, Cutoff.Rows.Count)];

    public SparseRows Users => _blocks[UserBlock];

    public SparseRows Items => _blocks[ItemBlock];

    public SparseRows Contexts => _blocks[ContextBlock];

    public static EncodedRows Create(Cutoff cutoff, TrainingOptions options)
    {
        var (space, index, findings) = CountFeatures(cutoff, options.MinimumFeatureCount);
        var holdout = Holdout.Choose(cutoff, options);
        var fit = new List<int>();
        var held = new List<int>();
        for (var r = 0; r < holdout.Length; r++)
        {
            (holdout[r] ? held : fit).Add(r);
        }

        return new(cutoff, space, index, findings, Blocks(cutoff, index), [.. fit], [.. held]);
    }

    /// <summary>The same rows and the same split, as a model with other features has them.</summary>
    public EncodedRows EncodedBy(FeatureSpace space, FeatureIndex index) =>
        new(Cutoff, space, index, Findings, Blocks(Cutoff, index), FitRows, HoldoutRows);

    /// <summary>The user of each of the given rows.</summary>
    public int[] UsersOf(int[] rows) => [.. rows.Select(r => Cutoff.Rows.Users[r])];

    /// <summary>The given rows as examples that join a user, an item and a context.</summary>
    public ExampleSet Examples(int[] rows)
    {
        var all = Cutoff.Rows;
        float[] weights = [.. rows.Select(all.TargetWeightOf)];
        return new(
            _blocks,
            [
                [.. rows.Select(r => all.Users[r])],
                [.. rows.Select(r => all.Items[r])],
                [.. rows.Select(all.ContextOf)],
            ],
            [.. rows.Select(r => all[r].Target)],
            Array.TrueForAll(weights, w => w == 1) ? null : weights
        );
    }

    /// <summary>The weighted mean target of the given rows.</summary>
    public float MeanTarget(int[] rows) =>
        (float)(rows.Sum(r => (double)Cutoff.Rows[r].TargetWeight * Cutoff.Rows[r].Target) / rows.Sum(r => (double)Cutoff.Rows[r].TargetWeight));

    /// <summary>
    /// A query for each held-out pair that a ranking should put first: all positives, or the ratings of at least the positive threshold.
    /// </summary>
    public IReadOnlyList<RankingQuery> HeldOutQueries(TrainingOptions options)
    {
        var threshold = options.Objective == TrainingObjective.Rating ? options.Types.Values.Max(t => t.PositiveFrom) ?? double.NegativeInfinity : 1;
        return
        [
            .. HoldoutRows
                .Select(r => Cutoff.Rows[r])
                .Where(r => r.Target >= threshold)
                .DistinctBy(r => (r.User, r.Item))
                .Select(r => new RankingQuery(r.User, r.Context, r.Item)),
        ];
    }

    /// <summary>Per user the distinct items of the given rows.</summary>
    public RowSets ItemsByUser(int[] rows) =>
        RowSets.FromPairs(Cutoff.Users.Count, [.. rows.Select(r => Cutoff.Rows.Users[r])], [.. rows.Select(r => Cutoff.Rows.Items[r])]);

    /// <summary>Those of the rows that are no dislikes.</summary>
    public int[] Positives(int[] rows) => [.. rows.Where(r => Cutoff.Rows[r].Target > 0)];

    /// <summary>Counts the features of users, items and contexts by their rows, and gives each a column.</summary>
    /// <param name="cutoff">The rows.</param>
    /// <param name="minimumCount"><see cref="TrainingOptions.MinimumFeatureCount"/>.</param>
    /// <param name="userIds">Whether the ids of users are features.</param>
    /// <param name="history">Whether items have columns as part of a history.</param>
    /// <param name="repeat">Whether items have columns for coming again.</param>
    public static (FeatureSpace Space, FeatureIndex Index, AttributeFindings Findings) CountFeatures(
        Cutoff cutoff,
        int minimumCount,
        bool userIds = true,
        bool history = false,
        bool repeat = false
    )
    {
        var users = new long[cutoff.Users.Count];
        var items = new long[cutoff.Items.Count];
        var contexts = new long[cutoff.Contexts.Count];
        for (var r = 0; r < cutoff.Rows.Count; r++)
        {
            users[cutoff.Rows.Users[r]]++;
            items[cutoff.Rows.Items[r]]++;
            contexts[cutoff.Rows.ContextOf(r)]++;
        }

        var builder = new FeatureIndexBuilder();
        for (var u = 0; u < users.Length; u++)
        {
            builder.CountUser(userIds ? cutoff.Users[u] : cutoff.Users[u] with { Id = null }, users[u]);
        }

        for (var i = 0; i < items.Length; i++)
        {
            builder.CountItem(cutoff.Items[i], items[i]);
        }

        for (var c = 0; c < contexts.Length; c++)
        {
            builder.CountContext(cutoff.Contexts[c], contexts[c]);
        }

        var (space, index) = builder.Build(minimumCount, history, repeat);
        return (space, index, new(builder.Clipped, builder.Mixed));
    }

    private static SparseRows[] Blocks(Cutoff cutoff, FeatureIndex index)
    {
        var row = new RowBuffer();
        return
        [
            Encode(cutoff.Users, index.AppendUser, row),
            Encode(cutoff.Items, index.AppendItem, row),
            Encode(cutoff.Contexts, index.AppendContext, row),
        ];
    }

    /// <summary>The rows of entities.</summary>
    public static SparseRows Encode(IReadOnlyList<EntityFeatures> entities, Action<EntityFeatures, RowBuffer> append, RowBuffer buffer)
    {
        var rows = new SparseRowsBuilder();
        foreach (var entity in entities)
        {
            buffer.Clear();
            append(entity, buffer);
            rows.Add(buffer.Row);
            rows.EndRow();
        }
        return rows.Build();
    }
}
