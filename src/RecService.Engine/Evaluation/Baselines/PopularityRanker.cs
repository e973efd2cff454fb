using RecService.Engine.Data;

namespace RecService.Engine.Evaluation.Baselines;

/// <summary>Ranks items by the number of users who met them: what a personal ranking must improve upon. Thread-safe.</summary>
public sealed class PopularityRanker : IRankingBaseline<PopularityRanker>
{
    private readonly float[] _users;

    /// <inheritdoc/>
    public static string Word => "popularity";

    /// <inheritdoc/>
    public static string Description => "how many users chose an item";

    /// <inheritdoc/>
    public static BaselineNeeds Needs => BaselineNeeds.Histories;

    /// <param name="itemCount">Number of items.</param>
    /// <param name="met">For each user row, the items met in training; each user counts once for an item.</param>
    /// <exception cref="ArgumentException">An item is out of range.</exception>
    public PopularityRanker(int itemCount, RowSets met)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(itemCount);
        ArgumentNullException.ThrowIfNull(met);
        met.CheckMembers(itemCount, nameof(met));
        _users = new float[itemCount];
        for (var user = 0; user < met.Count; user++)
        {
            foreach (var item in met[user])
            {
                _users[item]++;
            }
        }
    }

    /// <summary>Number of users who met each item.</summary>
    public ReadOnlySpan<float> Users => _users;

    /// <inheritdoc/>
    public static PopularityRanker Of(BaselineData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new(data.ItemCount, data.Histories!);
    }

    /// <summary><see cref="Users"/> as the scores for every query: an <see cref="ItemScores"/>.</summary>
    public void Score(RankingQuery query, Span<float> scores) => _users.CopyTo(scores);
}
