namespace RecService.Engine.Evaluation;

/// <summary>The area under the receiver operating characteristic: wins of positives over negatives, ties counting one half.</summary>
internal static class AreaUnderCurve
{
    /// <summary>Null when there are no positives or no negatives.</summary>
    public static double? OfAll(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights)
    {
        var (keys, examples) = Order(predictions, users: default);
        return Of(keys, examples, targets, weights);
    }

    /// <summary>Null when no user has positives and negatives.</summary>
    public static UserMean? ByUser(
        ReadOnlySpan<float> predictions,
        ReadOnlySpan<float> targets,
        ReadOnlySpan<int> users,
        ReadOnlySpan<float> weights,
        bool weightByExamples
    )
    {
        var (keys, examples) = Order(predictions, users);
        var measured = new List<int>();
        var areas = new List<double>();
        var totals = new List<double>();
        for (int start = 0, end; start < keys.Length; start = end)
        {
            var user = users[examples[start]];
            var total = 0.0;
            for (end = start; end < keys.Length && users[examples[end]] == user; end++)
            {
                total += Predictions.WeightAt(weights, examples[end]);
            }

            if (Of(keys.AsSpan(start..end), examples.AsSpan(start..end), targets, weights) is { } area)
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

    private static double? Of(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> examples, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights)
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
                var weight = Predictions.WeightAt(weights, examples[end]);
                if (targets[examples[end]] > 0)
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
