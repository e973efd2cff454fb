using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RecService.Engine.Losses;

/// <summary>σ(x) = 1 / (1 + e⁻ˣ).</summary>
internal static class Sigmoid
{
    /// <summary>
    /// σ(x) within a relative error of 1e-7 · (3 + |x|): e⁻ˣ = 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial of degree 6.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> x)
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

    /// <summary>The same of one number, to the same bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of(float x) => Of(Vector256.Create(x))[0];

    /// <summary>−ln σ(x), without overflow on either side.</summary>
    public static double NegativeLog(double x) => x > 0 ? Math.Log(1 + Math.Exp(-x)) : Math.Log(1 + Math.Exp(x)) - x;
}
