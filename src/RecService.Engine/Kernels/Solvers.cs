using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>What a solver needs besides a gradient.</summary>
internal unsafe struct StepContext
{
    /// <summary>η.</summary>
    public float Rate;

    /// <summary>L2 of the weight and of the latent vector of each weight row, in turns; where all fields have the same, once.</summary>
    public float* L2;

    /// <summary>From L2 of a weight row to that of the next: 2, or 0 where all have the same.</summary>
    public nuint L2Step;

    /// <summary>What pulls the field weights towards 1.</summary>
    public float L2FieldWeights;

    /// <summary>For Adam: how often each factor row was touched.</summary>
    public int* FactorTouches;

    /// <summary>For Adam: how often each weight row was touched.</summary>
    public int* WeightTouches;

    /// <summary>For Adam: √(1 − β₂ᵗ) / (1 − β₁ᵗ) by t, up to <see cref="Adam.CorrectedSteps"/>.</summary>
    public float* Corrections;
}

/// <summary>How a parameter steps down a gradient. A value type, so that kernels are compiled for each solver.</summary>
internal unsafe interface ISolver<TSelf>
    where TSelf : struct, ISolver<TSelf>
{
    /// <summary>Floats kept of each parameter: itself, and the sums that the solver needs.</summary>
    static abstract int Planes { get; }

    static abstract TSelf Of(in StepContext context);

    /// <summary>η of the next step of a latent vector.</summary>
    float FactorRate(nuint row);

    /// <summary>η of the next step of a weight.</summary>
    float WeightRate(nuint row);

    /// <summary>One step of a register of parameters.</summary>
    /// <param name="value">The parameters, as they are at <paramref name="at"/>.</param>
    /// <param name="gradient">Their gradient.</param>
    /// <param name="rate">η.</param>
    /// <param name="at">Where the parameters are.</param>
    /// <param name="plane">Distance from a parameter to what is kept of it.</param>
    static abstract void Step<TVector, TLanes>(TVector value, TVector gradient, TVector rate, float* at, nuint plane)
        where TLanes : ILanes<TVector>;
}

/// <summary>θ −= η g.</summary>
internal readonly unsafe struct GradientDescent(float rate) : ISolver<GradientDescent>
{
    public static int Planes => 1;

    public static GradientDescent Of(in StepContext context) => new(context.Rate);

    public float FactorRate(nuint row) => rate;

    public float WeightRate(nuint row) => rate;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<TVector, TLanes>(TVector value, TVector gradient, TVector rate, float* at, nuint plane)
        where TLanes : ILanes<TVector> => TLanes.Store(TLanes.Subtract(value, TLanes.Multiply(rate, gradient)), at);
}

/// <summary>h += g², θ −= η g / √h (Duchi, Hazan, Singer, JMLR 2011).</summary>
internal readonly unsafe struct AdaGrad(float rate) : ISolver<AdaGrad>
{
    public static int Planes => 2;

    public static AdaGrad Of(in StepContext context) => new(context.Rate);

    public float FactorRate(nuint row) => rate;

    public float WeightRate(nuint row) => rate;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<TVector, TLanes>(TVector value, TVector gradient, TVector rate, float* at, nuint plane)
        where TLanes : ILanes<TVector>
    {
        var squares = TLanes.MultiplyAdd(gradient, gradient, TLanes.Load(at + plane));
        TLanes.Store(squares, at + plane);
        TLanes.Store(TLanes.Subtract(value, TLanes.Multiply(TLanes.Multiply(rate, gradient), TLanes.ReciprocalSqrt(squares))), at);
    }
}

/// <summary>
/// m = β₁ m + (1 − β₁) g, s = β₂ s + (1 − β₂) g², θ −= η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / √(s + ε²) (Kingma, Ba, ICLR 2015), lazily: a row steps only
/// when it is touched, and t counts
/// its own touches.
/// </summary>
internal readonly unsafe struct Adam(StepContext context) : ISolver<Adam>
{
    /// <summary>β₁.</summary>
    public const float Beta1 = 0.9f;

    /// <summary>β₂.</summary>
    public const float Beta2 = 0.999f;

    /// <summary>Steps after which the correction is taken to be 1.</summary>
    public const int CorrectedSteps = 8192;

    private const float SquaredEpsilon = 1e-16f;

    // By Cauchy and Schwarz, m² ≤ 52.9 s: (1 − β₁)² / ((1 − β₁² / β₂) (1 − β₂)). Where threads overwrite each other's sums, a new m may meet an s of
    // long ago, and the step would be without bound.
    private const float LeastSquaresOfMean = 1 / 64f;

    public static int Planes => 3;

    public static Adam Of(in StepContext context) => new(context);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float FactorRate(nuint row) => context.Rate * Correction(context.FactorTouches + row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float WeightRate(nuint row) => context.Rate * Correction(context.WeightTouches + row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<TVector, TLanes>(TVector value, TVector gradient, TVector rate, float* at, nuint plane)
        where TLanes : ILanes<TVector>
    {
        var mean = TLanes.MultiplyAdd(TLanes.Of(Beta1), TLanes.Load(at + plane), TLanes.Multiply(TLanes.Of(1 - Beta1), gradient));
        var squares = TLanes.Max(
            TLanes.MultiplyAdd(
                TLanes.Of(Beta2),
                TLanes.Load(at + (2 * plane)),
                TLanes.Multiply(TLanes.Of(1 - Beta2), TLanes.Multiply(gradient, gradient))
            ),
            TLanes.Multiply(TLanes.Of(LeastSquaresOfMean), TLanes.Multiply(mean, mean))
        );
        TLanes.Store(mean, at + plane);
        TLanes.Store(squares, at + (2 * plane));
        var divisor = TLanes.ReciprocalSqrt(TLanes.Add(squares, TLanes.Of(SquaredEpsilon)));
        TLanes.Store(TLanes.Subtract(value, TLanes.Multiply(TLanes.Multiply(rate, mean), divisor)), at);
    }

    /// <summary>√(1 − β₂ᵗ) / (1 − β₁ᵗ) for t = 0 … <see cref="CorrectedSteps"/>.</summary>
    public static NativeArray<float> CorrectionTable()
    {
        var table = new NativeArray<float>(CorrectedSteps + 1);
        for (var step = 1; step <= CorrectedSteps; step++)
        {
            table.Pointer[step] = (float)(Math.Sqrt(1 - Math.Pow(Beta2, step)) / (1 - Math.Pow(Beta1, step)));
        }

        return table;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float Correction(int* touches)
    {
        var step = Math.Min(*touches + 1, CorrectedSteps);
        *touches = step;
        return context.Corrections[step];
    }
}
