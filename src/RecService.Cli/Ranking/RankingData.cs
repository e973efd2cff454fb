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
internal sealed record RankingData(RankingRows Rows, Choices Train, Choices? Valid, Choices Test, int[]? Candidates, RowSets Known)
{
    private const int UserBlock = 0;
    private const int ItemBlock = 1;

    /// <summary>The items that each user has met in training.</summary>
    public RowSets Met { get; } = RowSets.FromPairs(Rows.Users.Count, Train.Users, Train.Items);

    /// <summary>One for each user and context of the test pairs.</summary>
    public IReadOnlyList<RankingQuery> Queries { get; } = RankingQuery.FromPairs(Test.Users, Test.Items, Test.Contexts);

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
}
