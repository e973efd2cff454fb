using RecService.Engine.Losses;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>
/// AUC: the probability that a positive is predicted higher than a negative, both drawn by weight, ties counting one half (Fawcett, "An introduction
/// to ROC analysis", 2006). There is none without positives or without negatives.
/// </summary>
public sealed class AreaUnderCurve : ExampleMetric
{
    /// <inheritdoc/>
    public override string Name => "auc";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Probability;

    /// <inheritdoc/>
    public override double? Of(in ScoredExamples examples)
    {
        var (keys, order) = Order(examples.Predictions, users: default);
        return Of(keys, order, examples);
    }

    /// <summary>
    /// The mean over users of the AUC within each user's own examples: how well a user's positives are told from the same user's negatives, whatever
    /// the level of the user's predictions. Users without both, by weight, have no AUC and are left out; null when all are.
    /// </summary>
    /// <param name="examples">The examples, with their users; predictions may be probabilities or scores.</param>
    /// <param name="weightByExamples">
    /// Whether a user counts as much as the user's examples weigh together, which is known as GAUC (Zhu et al., "Optimized cost per click in Taobao
    /// display advertising", KDD 2017); else each user counts 1, as in the metrics of rankings.
    /// </param>
    public static UserMean? ByUser(in ScoredExamples examples, bool weightByExamples = false)
    {
        if (examples.Users.IsEmpty && examples.Count > 0)
        {
            throw new ArgumentException("The examples have no users.", nameof(examples));
        }

        var (keys, order) = Order(examples.Predictions, examples.Users);
        var measured = new List<int>();
        var areas = new List<double>();
        var totals = new List<double>();
        for (int start = 0, end; start < keys.Length; start = end)
        {
            var user = examples.Users[order[start]];
            var total = 0.0;
            for (end = start; end < keys.Length && examples.Users[order[end]] == user; end++)
            {
                total += examples.WeightOf(order[end]);
            }

            if (Of(keys.AsSpan(start..end), order.AsSpan(start..end), examples) is { } area)
            {
                measured.Add(user);
                areas.Add(area);
                totals.Add(total);
            }
        }

        return measured.Count == 0 ? null : new([.. measured], [.. areas], weightByExamples ? [.. totals] : []);
    }

    /// <summary>The examples by user, where there are users, and by prediction; keys are equal where both are.</summary>
    private static (ulong[] Keys, int[] Examples) Order(ReadOnlySpan<float> predictions, ReadOnlySpan<int> users)
    {
        var keys = new ulong[predictions.Length];
        var examples = new int[predictions.Length];
        for (var example = 0; example < examples.Length; example++)
        {
            // The sign bit turned over, so that users ascend as whole numbers do.
            var user = users.IsEmpty ? 0 : (uint)users[example] ^ 0x8000_0000;
            keys[example] = ((ulong)user << 32) | FloatOrder.KeyOf(predictions[example]);
            examples[example] = example;
        }

        Array.Sort(keys, examples);
        return (keys, examples);
    }

    private static double? Of(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> order, in ScoredExamples examples)
    {
        double positives = 0,
            negatives = 0,
            won = 0;
        for (int start = 0, end; start < keys.Length; start = end)
        {
            double tiedPositives = 0,
                tiedNegatives = 0;
            for (end = start; end < keys.Length && keys[end] == keys[start]; end++)
            {
                var weight = examples.WeightOf(order[end]);
                if (examples.Targets[order[end]] > 0)
                {
                    tiedPositives += weight;
                }
                else
                {
                    tiedNegatives += weight;
                }
            }

            won += tiedPositives * (negatives + (tiedNegatives / 2));
            positives += tiedPositives;
            negatives += tiedNegatives;
        }

        return positives > 0 && negatives > 0 ? won / positives / negatives : null;
    }
}

/// <summary>The AUC within each user's own examples, in the mean over users: all that scores which only order can be measured by on single rows.</summary>
public sealed class UserAreaUnderCurve : ExampleMetric
{
    /// <inheritdoc/>
    public override string Name => "auc";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Order;

    /// <inheritdoc/>
    public override ExampleNeeds Needs => ExampleNeeds.Users;

    /// <inheritdoc/>
    public override double? Of(in ScoredExamples examples) => AreaUnderCurve.ByUser(examples)?.Mean;
}
