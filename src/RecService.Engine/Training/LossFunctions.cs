using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>The losses of scored rows; how they slope is with the kernels.</summary>
internal static unsafe class LossFunctions
{
    /// <summary>
    /// The bias that is best without any feature: the logit of the weighted share of positives, negatives still to be drawn included; 0 for other
    /// losses.
    /// </summary>
    public static float InitialBias(Loss loss, ExampleSet examples, NegativeSampling? negatives)
    {
        if (loss != Loss.Logistic)
        {
            return 0;
        }

        var (positives, weights) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var weight = examples.WeightOf(example);
            positives += examples.Targets[example] > 0 ? weight : 0;
            weights += weight;
        }

        var share = Math.Clamp(positives / (weights * (1 + (negatives?.PerPositive ?? 0))), 1e-4, 1 - 1e-4);
        return (float)Math.Log(share / (1 - share));
    }

    /// <summary>
    /// Σ weight · loss and Σ weight of scored rows: (y − t)², ln(1 + e^−y) of a positive and ln(1 + e^y) of a negative, or for each pair of rows ln(1
    /// + e^(y⁻ − y⁺)).
    /// </summary>
    /// <param name="loss">The loss.</param>
    /// <param name="scores">The score of each row.</param>
    /// <param name="targets">Its target; null for pairs.</param>
    /// <param name="weights">Its weight; null when all are 1.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="minimum">Scores are taken to be at least this much.</param>
    /// <param name="maximum">And at most this much.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Loss, double Weight) Sum(Loss loss, float* scores, float* targets, float* weights, int count, float minimum, float maximum)
    {
        var (sum, total) = (0.0, 0.0);
        var n = 0;
        if (loss != Loss.Bpr && Vector256.IsHardwareAccelerated)
        {
            // Partial sums in single precision are of a batch, not of all examples.
            var (lanes, laneWeights) = (Vector256<float>.Zero, Vector256<float>.Zero);
            for (; n + Vector256<float>.Count <= count; n += Vector256<float>.Count)
            {
                var score = Vector256.Min(Vector256.Max(Vector256.Load(scores + n), Vector256.Create(minimum)), Vector256.Create(maximum));
                var weight = weights is null ? Vector256<float>.One : Vector256.Load(weights + n);
                lanes += weight * Value(loss, score, Vector256.Load(targets + n));
                laneWeights += weight;
            }

            (sum, total) = (Vector256.Sum(lanes), Vector256.Sum(laneWeights));
        }

        var step = loss == Loss.Bpr ? 2 : 1;
        for (; n + step <= count; n += step)
        {
            var weight = weights is null ? 1 : weights[n];
            sum +=
                weight
                * (
                    loss == Loss.Bpr
                        ? Value(Loss.Logistic, scores[n] - scores[n + 1], 1)
                        : Value(loss, Math.Clamp(scores[n], minimum, maximum), targets[n])
                );
            total += weight;
        }

        return (sum, total);
    }

    private static double Value(Loss loss, float score, float target)
    {
        if (loss == Loss.Squared)
        {
            var error = (double)score - target;
            return error * error;
        }

        var margin = target > 0 ? (double)score : -score;
        // Without overflow on either side.
        return margin > 0 ? Math.Log(1 + Math.Exp(-margin)) : Math.Log(1 + Math.Exp(margin)) - margin;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Value(Loss loss, Vector256<float> score, Vector256<float> target)
    {
        if (loss == Loss.Squared)
        {
            var error = score - target;
            return error * error;
        }

        var margin = Vector256.ConditionalSelect(Vector256.GreaterThan(target, Vector256<float>.Zero), score, -score);
        return Vector256.Log(Vector256<float>.One + Vector256.Exp(-Vector256.Abs(margin))) - Vector256.Min(margin, Vector256<float>.Zero);
    }
}
