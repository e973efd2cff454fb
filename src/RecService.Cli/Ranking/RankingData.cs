using RecService.Engine.Data;
using RecService.Engine.Evaluation;

namespace RecService.Cli.Ranking;

/// <summary>What is learned from, and what a ranking is measured by.</summary>
/// <param name="Rows">Users, items and contexts.</param>
/// <param name="Train">The positives to learn from.</param>
/// <param name="Valid">The positives that tell when to stop.</param>
/// <param name="Test">What should come first in the rankings; nothing of <paramref name="Known"/>.</param>
/// <param name="Candidates">The items to rank; null for all.</param>
/// <param name="Known">The items that are left out of each user's rankings: those of training, and others.</param>
/// <param name="KnownInContext">Those that are left out of the rankings for a user in a context.</param>
internal sealed record RankingData(
    RankingRows Rows,
    Choices Train,
    Choices? Valid,
    Choices Test,
    int[]? Candidates,
    RowSets Known,
    ILookup<(int User, int Context), int> KnownInContext
)
{
    private const int UserBlock = 0;
    private const int ItemBlock = 1;

    /// <summary>The items that each user has met in training.</summary>
    public RowSets Met { get; } = RowSets.FromPairs(Rows.Users.Count, Train.Users, Train.Items);

    /// <summary>One for each user and context of the test pairs.</summary>
    public IReadOnlyList<RankingQuery> Queries { get; } =
    [
        .. RankingQuery
            .FromPairs(Test.Users, Test.Items, Test.Contexts)
            .Select(query => new RankingQuery(query.User, query.Context, query.Relevant)
            {
                Excluded = [.. KnownInContext[(query.User, query.Context)].Distinct()],
            }),
    ];

    private readonly Dictionary<(int User, int Context), double> _times = TimesOf(Test);
    private readonly Dictionary<int, double> _lastTimes = LastTimesOf(Train, Valid);

    /// <summary>When a user chose the first of what is relevant to a query; null without times.</summary>
    public double? TimeOf(RankingQuery query) => Test.Times is null ? null : _times[(query.User, query.Context)];

    /// <summary>How long that was after what the user chose before; null without times, and for users who chose nothing before.</summary>
    public double? GapOf(RankingQuery query) => _lastTimes.TryGetValue(query.User, out var last) ? TimeOf(query) - last : null;

    /// <summary>
    /// The positives to learn from, and how they get negatives: from the items of training, so that items that it has not stay unknown.
    /// </summary>
    public (ExampleSet Positives, NegativeSampling Negatives) TrainExamples(int negatives) =>
        (
            Positives(Train, Rows.TrainUsers, Rows.TrainItems, Rows.TrainContexts),
            new(UserBlock, ItemBlock, negatives, RowSets.FromPairs(Rows.TrainUsers.Count, Train.Users, Train.Items))
        );

    /// <summary>The positives that tell when to stop, each followed by negatives from the whole catalogue.</summary>
    public ExampleSet? ValidExamples(int negatives, ulong seed)
    {
        if (Valid is null)
        {
            return null;
        }

        var chosen = RowSets.FromPairs(Rows.Users.Count, [.. Train.Users, .. Valid.Users], [.. Train.Items, .. Valid.Items]);
        return new NegativeSampling(UserBlock, ItemBlock, negatives, chosen).Materialize(
            Positives(Valid, Rows.Users, Rows.Items, Rows.Contexts),
            seed
        );
    }

    /// <summary>What measures rankings of the catalogue, less what its users are known to have.</summary>
    public RankingEvaluator Evaluator(int threads) => new(Rows.Items.Count, Known, Candidates) { Cutoffs = [10, 20], Threads = threads };

    private static ExampleSet Positives(Choices choices, SparseRows users, SparseRows items, SparseRows? contexts)
    {
        var targets = new float[choices.Count];
        targets.AsSpan().Fill(1f);
        return contexts is null
            ? new([users, items], [choices.Users, choices.Items], targets)
            : new([users, items, contexts], [choices.Users, choices.Items, choices.Contexts], targets);
    }

    private static Dictionary<(int User, int Context), double> TimesOf(Choices test)
    {
        var times = new Dictionary<(int User, int Context), double>();
        for (var choice = 0; choice < test.Count && test.Times is not null; choice++)
        {
            var key = (test.Users[choice], test.Contexts[choice]);
            times[key] = Math.Min(test.Times[choice], times.GetValueOrDefault(key, double.PositiveInfinity));
        }

        return times;
    }

    private static Dictionary<int, double> LastTimesOf(params Choices?[] before)
    {
        var times = new Dictionary<int, double>();
        foreach (var choices in before)
        {
            for (var choice = 0; choice < choices?.Count && choices.Times is not null; choice++)
            {
                var user = choices.Users[choice];
                times[user] = Math.Max(choices.Times[choice], times.GetValueOrDefault(user, double.NegativeInfinity));
            }
        }

        return times;
    }
}
