using RecService.Engine.Data;

namespace RecService.Engine.Evaluation.Baselines;

/// <summary>
/// Predicts by what is known of the user and of the item alone, μ + b_u + b_i: what crossing features must improve upon (the baseline predictors of
/// Koren,
/// "Factor in the neighbors", ACM TKDD, 2010). Thread-safe.
/// </summary>
/// <remarks>
/// μ is the weighted mean of the targets r; the biases are those with the least Σ w (r − μ − b_u − b_i)² + λ_u Σ b_u² + λ_i Σ b_i², found by solving
/// in turn for all items, b_i = Σ w (r − μ − b_u) / (λ_i + Σ w), and for all users, b_u = Σ w (r − μ − b_i) / (λ_u + Σ w), until none moves by more
/// than 1e-5 of the range of the targets, at most 100 times. The paper stops after the first turn. A row without examples has the bias 0.
/// </remarks>
public sealed class BiasBaseline : IRankingBaseline<BiasBaseline>
{
    private const int MaximumTurns = 100;

    private readonly int _userBlock;
    private readonly int _itemBlock;
    private readonly double[] _users;
    private readonly double[] _items;
    private readonly float _lowest = float.PositiveInfinity;
    private readonly float _highest = float.NegativeInfinity;

    /// <inheritdoc/>
    public static string Word => "bias";

    /// <inheritdoc/>
    public static string Description => "how much better it is rated than others, whoever rates";

    /// <inheritdoc/>
    public static BaselineNeeds Needs => BaselineNeeds.Ratings;

    /// <param name="examples">The examples to learn from.</param>
    /// <param name="userBlock">The block of the examples that holds users.</param>
    /// <param name="itemBlock">The block that holds items.</param>
    /// <param name="userL2">λ_u, not negative: best the variance of targets about their prediction divided by that of the users' biases.</param>
    /// <param name="itemL2">λ_i, not negative, likewise.</param>
    /// <exception cref="ArgumentException">There is no such block, or the examples weigh nothing together.</exception>
    public BiasBaseline(ExampleSet examples, int userBlock = 0, int itemBlock = 1, double userL2 = 5, double itemL2 = 5)
    {
        ArgumentNullException.ThrowIfNull(examples);
        CheckL2(userL2, nameof(userL2));
        CheckL2(itemL2, nameof(itemL2));
        (_userBlock, _itemBlock) = (userBlock, itemBlock);
        CheckBlocks(examples);
        _users = new double[examples.Blocks[userBlock].Count];
        _items = new double[examples.Blocks[itemBlock].Count];

        double sum = 0,
            total = 0;
        for (var example = 0; example < examples.Count; example++)
        {
            sum += (double)examples.WeightOf(example) * examples.Targets[example];
            total += examples.WeightOf(example);
            _lowest = Math.Min(_lowest, examples.Targets[example]);
            _highest = Math.Max(_highest, examples.Targets[example]);
        }

        if (total <= 0)
        {
            throw new ArgumentException("The examples weigh nothing together, so that there is nothing to learn from.", nameof(examples));
        }

        Mean = sum / total;

        // Of the range of the targets, or of their size where they are all alike and only roundings move.
        var tolerance = (1e-5 * ((double)_highest - _lowest)) + (1e-12 * Math.Abs(Mean));
        for (var turn = 0; turn < MaximumTurns; turn++)
        {
            var moved = Solve(examples, _items, itemBlock, itemL2, _users, userBlock);
            moved = Math.Max(moved, Solve(examples, _users, userBlock, userL2, _items, itemBlock));
            if (moved <= tolerance)
            {
                break;
            }
        }
    }

    /// <summary>μ.</summary>
    public double Mean { get; }

    /// <summary>b_u of each row of the user block.</summary>
    public ReadOnlySpan<double> UserBiases => _users;

    /// <summary>b_i of each row of the item block.</summary>
    public ReadOnlySpan<double> ItemBiases => _items;

    /// <summary>The prediction for a user and an item, clipped to the range of the targets learnt from.</summary>
    public float Predict(int user, int item) => Math.Clamp((float)(Mean + _users[user] + _items[item]), _lowest, _highest);

    /// <summary>The prediction for each of some examples with the same blocks, as <see cref="Metrics.ScoredExamples"/> takes them.</summary>
    /// <exception cref="ArgumentException">There is no such block, or it has other rows.</exception>
    public float[] Predict(ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        CheckBlocks(examples);
        var (users, items) = (examples.Blocks[_userBlock].Count, examples.Blocks[_itemBlock].Count);
        if (users != _users.Length || items != _items.Length)
        {
            throw new ArgumentException(
                $"The biases are of {_users.Length} users and {_items.Length} items; the examples join {users} and {items}.",
                nameof(examples)
            );
        }

        var predictions = new float[examples.Count];
        for (var example = 0; example < predictions.Length; example++)
        {
            predictions[example] = Predict(examples.RowOf(_userBlock, example), examples.RowOf(_itemBlock, example));
        }

        return predictions;
    }

    /// <inheritdoc/>
    public static BiasBaseline Of(BaselineData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new(data.Ratings!);
    }

    /// <summary>The items' biases as the scores for every query: an <see cref="ItemScores"/>.</summary>
    public void Score(RankingQuery query, Span<float> scores)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, _items.Length);
        for (var item = 0; item < scores.Length; item++)
        {
            scores[item] = (float)_items[item];
        }
    }

    /// <summary>Solves for the biases of one block, those of the other given; how far the one moved that moved most.</summary>
    private double Solve(ExampleSet examples, double[] biases, int block, double l2, double[] given, int givenBlock)
    {
        var sums = new double[biases.Length];
        var totals = new double[biases.Length];
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.RowOf(block, example);
            double weight = examples.WeightOf(example);
            sums[row] += weight * (examples.Targets[example] - Mean - given[examples.RowOf(givenBlock, example)]);
            totals[row] += weight;
        }

        var moved = 0.0;
        for (var row = 0; row < biases.Length; row++)
        {
            var bias = totals[row] > 0 ? sums[row] / (l2 + totals[row]) : 0;
            moved = Math.Max(moved, Math.Abs(bias - biases[row]));
            biases[row] = bias;
        }

        return moved;
    }

    private void CheckBlocks(ExampleSet examples)
    {
        if ((uint)_userBlock >= (uint)examples.Blocks.Count || (uint)_itemBlock >= (uint)examples.Blocks.Count || _userBlock == _itemBlock)
        {
            throw new ArgumentException(
                $"Users are in block {_userBlock} and items in block {_itemBlock}, but there are {examples.Blocks.Count} blocks.",
                nameof(examples)
            );
        }
    }

    private static void CheckL2(double value, string name)
    {
        if (!double.IsFinite(value) || value < 0)
        {
            throw new ArgumentOutOfRangeException(name, value, "Regularisation must be finite and not negative.");
        }
    }
}
