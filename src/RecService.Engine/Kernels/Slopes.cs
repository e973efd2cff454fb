using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;

namespace RecService.Engine.Kernels;

/// <summary>The derivatives of losses by scores.</summary>
internal static unsafe class Slopes
{
    /// <summary>∂L/∂y of rows times their weights: y − t, σ(y) − t, or for each pair of rows ∓(1 − σ(y⁺ − y⁻)), whose bias cancels out.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="rows">The rows, of which targets and weights are read.</param>
    /// <param name="bias">w0.</param>
    /// <param name="scores">Scores without the bias.</param>
    /// <param name="biased">Receives the scores with the bias; may be null.</param>
    /// <param name="slopes">Receives the slopes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Of(Loss loss, in RowBatch rows, float bias, float* scores, float* biased, float* slopes)
    {
        if (loss == Loss.Bpr)
        {
            OfPairs(rows, scores, biased, slopes);
            return;
        }

        var n = 0;
        for (; n + Vector256<float>.Count <= rows.Count && Vector256.IsHardwareAccelerated; n += Vector256<float>.Count)
        {
            var score = Vector256.Load(scores + n) + Vector256.Create(bias);
            if (biased is not null)
            {
                score.Store(biased + n);
            }

            var slope = (loss == Loss.Squared ? score : Sigmoid(score)) - Vector256.Load(rows.Targets + n);
            (rows.Weights is null ? slope : slope * Vector256.Load(rows.Weights + n)).Store(slopes + n);
        }

        for (; n < rows.Count; n++)
        {
            var score = scores[n] + bias;
            if (biased is not null)
            {
                biased[n] = score;
            }

            slopes[n] =
                ((loss == Loss.Squared ? score : Sigmoid(Vector256.Create(score))[0]) - rows.Targets[n])
                * (rows.Weights is null ? 1 : rows.Weights[n]);
        }
    }

    /// <summary>
    /// σ(x) within a relative error of 1e-7 · (3 + |x|): e⁻ˣ = 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial of degree 6.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sigmoid(Vector256<float> x)
    {
        // Added to a number, 1.5 · 2²³ leaves it rounded in the lowest bits.
        var rounding = Vector256.Create(12_582_912f);
        var power = Vector256.Clamp(x * -1.442695041f, Vector256.Create(-126f), Vector256.Create(126f));
        var rounded = power + rounding;
        var f = power - (rounded - rounding);
        var fraction = Vector256.MultiplyAddEstimate(Vector256.Create(1.5403530e-4f), f, Vector256.Create(1.3333558e-3f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(9.6181291e-3f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(5.5504109e-2f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(2.4022651e-1f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(6.9314718e-1f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256<float>.One);
        var exponential = (fraction.AsInt32() + Vector256.ShiftLeft(rounded.AsInt32(), 23)).AsSingle();
        return Vector256<float>.One / (Vector256<float>.One + exponential);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OfPairs(in RowBatch rows, float* scores, float* biased, float* slopes)
    {
        if (biased is not null)
        {
            new Span<float>(scores, rows.Count).CopyTo(new(biased, rows.Count));
        }

        for (var n = 0; n + 1 < rows.Count; n += 2)
        {
            // 1 − σ(m) = σ(−m)
            slopes[n + 1] = Sigmoid(Vector256.Create(scores[n + 1] - scores[n]))[0] * (rows.Weights is null ? 1 : rows.Weights[n]);
            slopes[n] = -slopes[n + 1];
        }
    }
}
