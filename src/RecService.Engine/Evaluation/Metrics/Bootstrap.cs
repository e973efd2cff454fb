using RecService.Engine.Numerics;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Bounds between which a measured value lies with 95 % confidence.</summary>
/// <param name="Low">Lower bound.</param>
/// <param name="High">Upper bound.</param>
public readonly record struct ConfidenceInterval(double Low, double High);

/// <summary>
/// How far a mean over users may be off because it was these users who were measured: the percentile bootstrap (Efron and Tibshirani, "An
/// introduction to the
/// bootstrap", 1993, chapter 13). Of one user it can tell nothing, and gives that user's value.
/// </summary>
public static class Bootstrap
{
    private const double Tail = 0.025;

    /// <summary>
    /// The 95 % interval of the weighted mean Σ w v / Σ w over resamples of the users, drawn with replacement, each with its weight.
    /// </summary>
    /// <param name="values">A value for each user, at least one.</param>
    /// <param name="weights">A weight for each user, above 0; empty when all count 1.</param>
    /// <param name="resamples">Number of resamples, at least 40: fewer have no outer 2.5 %.</param>
    /// <param name="seed">Seed of the draws; the same seed gives the same interval.</param>
    /// <exception cref="ArgumentException">There is no value, lengths differ, or a number is out of range; the message names the user's
    /// place.</exception>
    public static ConfidenceInterval Interval(
        ReadOnlySpan<double> values,
        ReadOnlySpan<double> weights = default,
        int resamples = 2_000,
        ulong seed = 1
    )
    {
        Check(values, weights);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 40);
        var weighted = values.ToArray();
        for (var user = 0; user < weights.Length; user++)
        {
            weighted[user] *= weights[user];
        }

        var random = new RandomSource(seed);
        var means = new double[resamples];
        foreach (ref var mean in means.AsSpan())
        {
            double sum = 0,
                total = 0;
            for (var draw = 0; draw < weighted.Length; draw++)
            {
                var user = random.Below(weighted.Length);
                sum += weighted[user];
                total += weights.IsEmpty ? 1 : weights[user];
            }

            mean = sum / total;
        }

        Array.Sort(means);
        var outside = (int)(Tail * (resamples + 1));
        return new(means[outside - 1], means[^outside]);
    }

    private static void Check(ReadOnlySpan<double> values, ReadOnlySpan<double> weights)
    {
        if (values.IsEmpty || (!weights.IsEmpty && weights.Length != values.Length))
        {
            throw new ArgumentException(
                $"There are {values.Length} values and {weights.Length} weights; at least one value is needed, and a weight for each, or no weights."
            );
        }

        for (var user = 0; user < values.Length; user++)
        {
            var weight = weights.IsEmpty ? 1 : weights[user];
            if (!double.IsFinite(values[user]) || !double.IsFinite(weight) || weight <= 0)
            {
                throw new ArgumentException(
                    FormattableString.Invariant(
                        $"User {user} has the value {values[user]} and the weight {weight}; both must be finite, the weight above 0."
                    )
                );
            }
        }
    }
}
