using RecService.Engine.Data;

namespace RecService.Engine.Evaluation;

/// <summary>Ranks items by the number of users who met them: what a personal ranking must improve upon.</summary>
public sealed class PopularityRanker
{
    private readonly float[] _users;

    /// <param name="itemCount">Number of items.</param>
    /// <param name="met">For each user row, the items met in training; each user counts once for an item.</param>
    public PopularityRanker(int itemCount, RowSets met)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(itemCount);
        ArgumentNullException.ThrowIfNull(met);
        _users = new float[itemCount];
        for (var user = 0; user < met.Count; user++)
        {
            foreach (var item in met[user])
            {
                if (item >= itemCount)
                    throw new ArgumentException($"User row {user} met item row {item}; there are {itemCount} items.", nameof(met));
                _users[item]++;
            }
        }
    }

    /// <summary>Number of users who met each item.</summary>
    public ReadOnlySpan<float> Users => _users;

    /// <summary>The same scores for every pair, for <see cref="RankingEvaluator.Evaluate(IReadOnlyList{HeldOutPair}, ItemScores, CancellationToken)"/>.</summary>
    public void Score(int pair, Span<float> scores) => _users.CopyTo(scores);
}
