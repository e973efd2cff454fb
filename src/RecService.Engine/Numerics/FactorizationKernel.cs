using System.Runtime.Intrinsics;

namespace RecService.Engine.Numerics;

/// <summary>
/// The inner loops over latent vectors, written for one kind of machine. Every span of a call has the same length, a multiple of
/// <see cref="Padding"/>,
/// so that no loop has a tail; what lies between k and the padded length is 0 and stays 0.
/// </summary>
public abstract class FactorizationKernel
{
    /// <summary>Vectors are padded to a multiple of this many floats: the widest vector register.</summary>
    public const int Padding = 16;

    /// <summary>The environment variable that names the kernel to use, for tests and for measuring.</summary>
    public const string Variable = "RECSERVICE_KERNEL";

    /// <summary>The kernels that this machine can run, the narrowest first.</summary>
    public static IReadOnlyList<FactorizationKernel> All { get; } =
    [
        new VectorKernel<float, Lanes1>("scalar"),
        .. Vector128.IsHardwareAccelerated ? [new VectorKernel<Vector128<float>, Lanes4>("vector128")] : Array.Empty<FactorizationKernel>(),
        .. Vector256.IsHardwareAccelerated ? [new VectorKernel<Vector256<float>, Lanes8>("vector256")] : Array.Empty<FactorizationKernel>(),
        .. Vector512.IsHardwareAccelerated ? [new VectorKernel<Vector512<float>, Lanes16>("vector512")] : Array.Empty<FactorizationKernel>(),
    ];

    /// <summary>The kernel that <see cref="Variable"/> names, else the widest one; chosen once.</summary>
    /// <exception cref="ArgumentException">The variable names no kernel of this machine.</exception>
    public static FactorizationKernel Default =>
        field ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } name ? ByName(name) : All[^1];

    /// <summary>What <see cref="ByName"/> takes.</summary>
    public abstract string Name { get; }

    /// <summary>The kernel of a name.</summary>
    /// <exception cref="ArgumentException">This machine has no such kernel; the message lists those that it has.</exception>
    public static FactorizationKernel ByName(string name) =>
        All.FirstOrDefault(kernel => kernel.Name == name)
        ?? throw new ArgumentException(
            $"There is no kernel '{name}' on this machine; there are {string.Join(", ", All.Select(kernel => kernel.Name))}.",
            nameof(name)
        );

    /// <summary>sum += x · vector</summary>
    internal abstract void Add(Span<float> sum, ReadOnlySpan<float> vector, float x);

    /// <summary>
    /// Crosses a term with the sum of those before it and adds it to them: cross += sum ⊙ (x · vector), then sum += x · vector. After all terms,
    /// cross is
    /// Σ_{i&lt;j} of their products without the cancellation that ½ (S² − Σ p²) suffers when terms differ much in size.
    /// </summary>
    internal abstract void AddCrossed(Span<float> cross, Span<float> sum, ReadOnlySpan<float> vector, float x);

    /// <summary>sum += a ⊙ b, of vectors of any one length.</summary>
    internal abstract void AddProduct(Span<float> sum, ReadOnlySpan<float> a, ReadOnlySpan<float> b);

    /// <summary>Σ_d vector_d</summary>
    internal abstract float Total(ReadOnlySpan<float> vector);

    /// <summary>⟨a, b⟩</summary>
    internal abstract float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b);

    /// <summary>⟨a, b ⊙ c⟩</summary>
    internal abstract float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c);

    /// <summary>
    /// A step of AdaGrad (Duchi, Hazan, Singer 2011): with g = gradient + l2 · vector, accumulators += g², vector −= rate · g / √accumulators.
    /// </summary>
    internal abstract void AdaGrad(Span<float> vector, Span<float> accumulators, ReadOnlySpan<float> gradient, float l2, float rate);

    /// <summary>
    /// What an entry of value <paramref name="x"/> passes back: with t = upstream ⊙ (sum − b · own), gradient += x · t; returns ⟨factors, t⟩.
    /// </summary>
    internal abstract float AddGradient(
        Span<float> gradient,
        ReadOnlySpan<float> factors,
        ReadOnlySpan<float> upstream,
        ReadOnlySpan<float> sum,
        ReadOnlySpan<float> own,
        float b,
        float x
    );

    /// <summary>A step of gradient descent: vector −= rate · (gradient + l2 · vector).</summary>
    internal abstract void Descend(Span<float> vector, ReadOnlySpan<float> gradient, float l2, float rate);
}

/// <summary>The loops, over registers of one width.</summary>
internal sealed unsafe class VectorKernel<TVector, TLanes>(string name) : FactorizationKernel
    where TLanes : ILanes<TVector>
{
    public override string Name => name;

    internal override void Add(Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        var factor = TLanes.Of(x);
        fixed (
            float* s = sum,
                v = Same(vector, sum.Length)
        )
        {
            for (var d = 0; d < sum.Length; d += TLanes.Width)
            {
                TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(v + d), TLanes.Load(s + d)), s + d);
            }
        }
    }

    internal override void AddCrossed(Span<float> cross, Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        var factor = TLanes.Of(x);
        fixed (
            float* c = cross,
                s = Same(sum, cross.Length),
                v = Same(vector, cross.Length)
        )
        {
            for (var d = 0; d < cross.Length; d += TLanes.Width)
            {
                var term = TLanes.Multiply(factor, TLanes.Load(v + d));
                var before = TLanes.Load(s + d);
                TLanes.Store(TLanes.MultiplyAdd(before, term, TLanes.Load(c + d)), c + d);
                TLanes.Store(TLanes.Add(before, term), s + d);
            }
        }
    }

    internal override void AddProduct(Span<float> sum, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Length, sum.Length, nameof(a));
        ArgumentOutOfRangeException.ThrowIfNotEqual(b.Length, sum.Length, nameof(b));
        fixed (
            float* s = sum,
                x = a,
                y = b
        )
        {
            var d = 0;
            for (; d <= sum.Length - TLanes.Width; d += TLanes.Width)
            {
                TLanes.Store(TLanes.MultiplyAdd(TLanes.Load(x + d), TLanes.Load(y + d), TLanes.Load(s + d)), s + d);
            }

            for (; d < sum.Length; d++)
            {
                s[d] += x[d] * y[d];
            }
        }
    }

    internal override float Total(ReadOnlySpan<float> vector)
    {
        var total = TLanes.Zero;
        fixed (float* v = Same(vector, vector.Length))
        {
            for (var d = 0; d < vector.Length; d += TLanes.Width)
            {
                total = TLanes.Add(total, TLanes.Load(v + d));
            }
        }

        return TLanes.Sum(total);
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var total = TLanes.Zero;
        fixed (
            float* x = a,
                y = Same(b, a.Length)
        )
        {
            for (var d = 0; d < a.Length; d += TLanes.Width)
            {
                total = TLanes.MultiplyAdd(TLanes.Load(x + d), TLanes.Load(y + d), total);
            }
        }

        return TLanes.Sum(total);
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c)
    {
        var total = TLanes.Zero;
        fixed (
            float* x = a,
                y = Same(b, a.Length),
                z = Same(c, a.Length)
        )
        {
            for (var d = 0; d < a.Length; d += TLanes.Width)
            {
                total = TLanes.MultiplyAdd(TLanes.Load(x + d), TLanes.Multiply(TLanes.Load(y + d), TLanes.Load(z + d)), total);
            }
        }

        return TLanes.Sum(total);
    }

    internal override float AddGradient(
        Span<float> gradient,
        ReadOnlySpan<float> factors,
        ReadOnlySpan<float> upstream,
        ReadOnlySpan<float> sum,
        ReadOnlySpan<float> own,
        float b,
        float x
    )
    {
        var total = TLanes.Zero;
        var (vb, vx) = (TLanes.Of(b), TLanes.Of(x));
        fixed (
            float* g = gradient,
                v = Same(factors, gradient.Length),
                u = Same(upstream, gradient.Length)
        )
        fixed (
            float* s = Same(sum, gradient.Length),
                p = Same(own, gradient.Length)
        )
        {
            for (var d = 0; d < gradient.Length; d += TLanes.Width)
            {
                var term = TLanes.Multiply(TLanes.Load(u + d), TLanes.Subtract(TLanes.Load(s + d), TLanes.Multiply(vb, TLanes.Load(p + d))));
                TLanes.Store(TLanes.MultiplyAdd(vx, term, TLanes.Load(g + d)), g + d);
                total = TLanes.MultiplyAdd(TLanes.Load(v + d), term, total);
            }
        }

        return TLanes.Sum(total);
    }

    internal override void AdaGrad(Span<float> vector, Span<float> accumulators, ReadOnlySpan<float> gradient, float l2, float rate)
    {
        var (vl2, vrate) = (TLanes.Of(l2), TLanes.Of(rate));
        fixed (
            float* v = vector,
                h = Same(accumulators, vector.Length),
                g = Same(gradient, vector.Length)
        )
        {
            for (var d = 0; d < vector.Length; d += TLanes.Width)
            {
                var value = TLanes.Load(v + d);
                var slope = TLanes.MultiplyAdd(vl2, value, TLanes.Load(g + d));
                var squares = TLanes.MultiplyAdd(slope, slope, TLanes.Load(h + d));
                TLanes.Store(squares, h + d);
                TLanes.Store(TLanes.Subtract(value, TLanes.Multiply(TLanes.Multiply(vrate, slope), TLanes.ReciprocalSqrt(squares))), v + d);
            }
        }
    }

    internal override void Descend(Span<float> vector, ReadOnlySpan<float> gradient, float l2, float rate)
    {
        var (vl2, vrate) = (TLanes.Of(l2), TLanes.Of(rate));
        fixed (
            float* v = vector,
                g = Same(gradient, vector.Length)
        )
        {
            for (var d = 0; d < vector.Length; d += TLanes.Width)
            {
                var value = TLanes.Load(v + d);
                TLanes.Store(TLanes.Subtract(value, TLanes.Multiply(vrate, TLanes.MultiplyAdd(vl2, value, TLanes.Load(g + d)))), v + d);
            }
        }
    }

    /// <summary>The loops run without bounds checks, so lengths are checked before.</summary>
    private static ReadOnlySpan<float> Same(ReadOnlySpan<float> span, int length) =>
        span.Length == length && length % Padding == 0
            ? span
            : throw new ArgumentException("The vectors of a kernel must be padded and of one length.", nameof(span));
}
