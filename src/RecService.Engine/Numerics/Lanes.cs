using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace RecService.Engine.Numerics;

/// <summary>
/// What the loops over latent vectors need of a register of floats. The loops are written once, over a register type and its operations, and the
/// runtime makes
/// machine code of its own for each. Operations on plain registers, not on structs around them, because the compiler keeps only the former out of
/// memory.
/// </summary>
internal unsafe interface ILanes<TVector>
{
    /// <summary>Floats in a register.</summary>
    static abstract int Width { get; }

    static abstract TVector Zero { get; }

    static abstract TVector Of(float value);

    static abstract TVector Load(float* source);

    static abstract void Store(TVector vector, float* target);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>a · b + c, rounded once or twice.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>1/√a within a relative error of 4e-4, for a &gt; 0: the processor's estimate where it has one.</summary>
    static abstract TVector ReciprocalSqrt(TVector a);

    static abstract TVector Divide(TVector a, TVector b);

    static abstract TVector Max(TVector a, TVector b);

    /// <summary>eᵃ within a relative error of 1e-7 · (3 + |a|), for |a| ≤ 87; e^±87 beyond.</summary>
    static abstract TVector Exp(TVector a);

    /// <summary>The sum of all lanes.</summary>
    static abstract float Sum(TVector vector);

    /// <summary>Writes the sums of all lanes of four registers one after the other.</summary>
    static abstract void StoreSums(TVector a, TVector b, TVector c, TVector d, float* target);

    /// <summary>A bit for each lane, the first one the lowest: whether a is not below b, as it is not where one of them is no number.</summary>
    static abstract uint NotBelow(TVector a, TVector b);
}

/// <summary>One float at a time: for machines without vector registers, and what the other kernels are compared with.</summary>
internal readonly unsafe struct Lanes1 : ILanes<float>
{
    public static int Width => 1;

    public static float Zero => 0;

    public static float Of(float value) => value;

    public static float Load(float* source) => *source;

    public static void Store(float vector, float* target) => *target = vector;

    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => a - b;

    public static float Multiply(float a, float b) => a * b;

    public static float MultiplyAdd(float a, float b, float c) => (a * b) + c;

    public static float ReciprocalSqrt(float a) => MathF.ReciprocalSqrtEstimate(a);

    public static float Divide(float a, float b) => a / b;

    public static float Max(float a, float b) => MathF.Max(a, b);

    public static float Exp(float a) => MathF.Exp(Math.Clamp(a, -87, 87));

    public static float Sum(float vector) => vector;

    public static void StoreSums(float a, float b, float c, float d, float* target) => (target[0], target[1], target[2], target[3]) = (a, b, c, d);

    public static uint NotBelow(float a, float b) => a < b ? 0u : 1u;
}

/// <summary>Registers of 128 bits.</summary>
internal readonly unsafe struct Lanes4 : ILanes<Vector128<float>>
{
    public static int Width => 4;

    public static Vector128<float> Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Of(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ReciprocalSqrt(Vector128<float> a)
    {
        if (Sse.IsSupported)
        {
            return Sse.ReciprocalSqrt(a);
        }

        if (AdvSimd.IsSupported)
        {
            // The estimate of Arm has 8 bits; a step of Newton's method doubles them.
            var estimate = AdvSimd.ReciprocalSquareRootEstimate(a);
            return AdvSimd.Multiply(estimate, AdvSimd.ReciprocalSquareRootStep(AdvSimd.Multiply(a, estimate), estimate));
        }

        return Vector128<float>.One / Vector128.Sqrt(a);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Exp(Vector128<float> a)
    {
        // e^a = 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial. Added to a number, 1.5 · 2²³ leaves it rounded in the lowest bits.
        var rounding = Vector128.Create(12_582_912f);
        var power = Vector128.MinNative(Vector128.MaxNative(a, Vector128.Create(-87f)), Vector128.Create(87f)) * Vector128.Create(1.442695041f);
        var rounded = power + rounding;
        var f = power - (rounded - rounding);
        var fraction = Vector128.MultiplyAddEstimate(Vector128.Create(1.5403530e-4f), f, Vector128.Create(1.3333558e-3f));
        fraction = Vector128.MultiplyAddEstimate(fraction, f, Vector128.Create(9.6181291e-3f));
        fraction = Vector128.MultiplyAddEstimate(fraction, f, Vector128.Create(5.5504109e-2f));
        fraction = Vector128.MultiplyAddEstimate(fraction, f, Vector128.Create(2.4022651e-1f));
        fraction = Vector128.MultiplyAddEstimate(fraction, f, Vector128.Create(6.9314718e-1f));
        fraction = Vector128.MultiplyAddEstimate(fraction, f, Vector128<float>.One);
        return (fraction.AsInt32() + Vector128.ShiftLeft(rounded.AsInt32(), 23)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> vector)
    {
        var halves = vector + Vector128.Shuffle(vector, Vector128.Create(2, 3, 0, 1));
        return halves.ToScalar() + halves.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d, float* target)
    {
        var sums =
            Sse3.IsSupported ? Sse3.HorizontalAdd(Sse3.HorizontalAdd(a, b), Sse3.HorizontalAdd(c, d))
            : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(a, b), AdvSimd.Arm64.AddPairwise(c, d))
            : Vector128.Create(Sum(a), Sum(b), Sum(c), Sum(d));
        sums.Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint NotBelow(Vector128<float> a, Vector128<float> b) => ~Vector128.LessThan(a, b).ExtractMostSignificantBits() & 0xF;
}

/// <summary>Registers of 256 bits.</summary>
internal readonly unsafe struct Lanes8 : ILanes<Vector256<float>>
{
    public static int Width => 8;

    public static Vector256<float> Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ReciprocalSqrt(Vector256<float> a) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.ReciprocalSqrt14(a)
        : Avx.IsSupported ? Avx.ReciprocalSqrt(a)
        : Vector256<float>.One / Vector256.Sqrt(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> a)
    {
        // e^a = 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial. Added to a number, 1.5 · 2²³ leaves it rounded in the lowest bits.
        var rounding = Vector256.Create(12_582_912f);
        var power = Vector256.MinNative(Vector256.MaxNative(a, Vector256.Create(-87f)), Vector256.Create(87f)) * Vector256.Create(1.442695041f);
        var rounded = power + rounding;
        var f = power - (rounded - rounding);
        var fraction = Vector256.MultiplyAddEstimate(Vector256.Create(1.5403530e-4f), f, Vector256.Create(1.3333558e-3f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(9.6181291e-3f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(5.5504109e-2f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(2.4022651e-1f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256.Create(6.9314718e-1f));
        fraction = Vector256.MultiplyAddEstimate(fraction, f, Vector256<float>.One);
        return (fraction.AsInt32() + Vector256.ShiftLeft(rounded.AsInt32(), 23)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> vector) => Lanes4.Sum(vector.GetLower() + vector.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, float* target) =>
        Lanes4.StoreSums(a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper(), target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint NotBelow(Vector256<float> a, Vector256<float> b) => ~Vector256.LessThan(a, b).ExtractMostSignificantBits() & 0xFF;
}

/// <summary>Registers of 512 bits.</summary>
internal readonly unsafe struct Lanes16 : ILanes<Vector512<float>>
{
    public static int Width => 16;

    public static Vector512<float> Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ReciprocalSqrt(Vector512<float> a) =>
        Avx512F.IsSupported ? Avx512F.ReciprocalSqrt14(a) : Vector512<float>.One / Vector512.Sqrt(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> a)
    {
        // e^a = 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, 2ᶠ by its Taylor polynomial. Added to a number, 1.5 · 2²³ leaves it rounded in the lowest bits.
        var rounding = Vector512.Create(12_582_912f);
        var power = Vector512.MinNative(Vector512.MaxNative(a, Vector512.Create(-87f)), Vector512.Create(87f)) * Vector512.Create(1.442695041f);
        var rounded = power + rounding;
        var f = power - (rounded - rounding);
        var fraction = Vector512.MultiplyAddEstimate(Vector512.Create(1.5403530e-4f), f, Vector512.Create(1.3333558e-3f));
        fraction = Vector512.MultiplyAddEstimate(fraction, f, Vector512.Create(9.6181291e-3f));
        fraction = Vector512.MultiplyAddEstimate(fraction, f, Vector512.Create(5.5504109e-2f));
        fraction = Vector512.MultiplyAddEstimate(fraction, f, Vector512.Create(2.4022651e-1f));
        fraction = Vector512.MultiplyAddEstimate(fraction, f, Vector512.Create(6.9314718e-1f));
        fraction = Vector512.MultiplyAddEstimate(fraction, f, Vector512<float>.One);
        return (fraction.AsInt32() + Vector512.ShiftLeft(rounded.AsInt32(), 23)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> vector) => Lanes8.Sum(vector.GetLower() + vector.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* target) =>
        Lanes8.StoreSums(a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper(), target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint NotBelow(Vector512<float> a, Vector512<float> b) => ~(uint)Vector512.LessThan(a, b).ExtractMostSignificantBits() & 0xFFFF;
}
