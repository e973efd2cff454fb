using System.Runtime.CompilerServices;

namespace RecService.Engine.Numerics;

/// <summary>The derivative of a loss by the score, which is all that a kernel needs of it. A type, so that kernels are compiled for each loss.</summary>
internal interface ILoss
{
    static abstract float Slope(float score, float target);
}

/// <summary>½ (y − t)².</summary>
internal readonly struct SquaredLoss : ILoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float score, float target) => score - target;
}

/// <summary>−ln σ(y) for positives, −ln σ(−y) for the others.</summary>
internal readonly struct LogisticLoss : ILoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float score, float target) => Sigmoid(score) - (target > 0 ? 1 : 0);

    /// <summary>
    /// σ(x) within a relative error of 1e-7 · (3 + |x|). Written out, because a call within a kernel's loop makes the compiler spill every vector register: e⁻ˣ = 2ⁿ · 2ᶠ
    /// with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial of degree 6.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sigmoid(float x)
    {
        var power = Math.Clamp(x * -1.442695041f, -126f, 126f);
        var whole = MathF.Floor(power + 0.5f);
        var f = power - whole;
        var fraction = (((((((((((1.5403530e-4f * f) + 1.3333558e-3f) * f) + 9.6181291e-3f) * f) + 5.5504109e-2f) * f) + 2.4022651e-1f) * f) + 6.9314718e-1f) * f) + 1f;
        return 1 / (1 + (fraction * BitConverter.Int32BitsToSingle(((int)whole + 127) << 23)));
    }
}
