using System.Runtime.InteropServices;

namespace RecService.Engine.Numerics;

/// <summary>The same loops over vector registers. Written once for all widths: the width is a type parameter, so each gets machine code of its own.</summary>
internal sealed class VectorKernel<TSimd>(string name) : FactorizationKernel
    where TSimd : struct, ISimd<TSimd>
{
    public override string Name => name;

    internal override void Add(Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        ref var s = ref MemoryMarshal.GetReference(sum);
        ref var v = ref MemoryMarshal.GetReference(Same(vector, sum.Length));
        var factor = TSimd.Of(x);
        for (nuint d = 0; d < (nuint)sum.Length; d += TSimd.Width)
        {
            TSimd.MultiplyAdd(factor, TSimd.Load(ref v, d), TSimd.Load(ref s, d)).Store(ref s, d);
        }
    }

    internal override void AddCrossed(Span<float> cross, Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        ref var c = ref MemoryMarshal.GetReference(cross);
        ref var s = ref MemoryMarshal.GetReference(Same(sum, cross.Length));
        ref var v = ref MemoryMarshal.GetReference(Same(vector, cross.Length));
        var factor = TSimd.Of(x);
        for (nuint d = 0; d < (nuint)cross.Length; d += TSimd.Width)
        {
            var term = factor * TSimd.Load(ref v, d);
            var before = TSimd.Load(ref s, d);
            TSimd.MultiplyAdd(before, term, TSimd.Load(ref c, d)).Store(ref c, d);
            (before + term).Store(ref s, d);
        }
    }

    internal override float Total(ReadOnlySpan<float> vector)
    {
        ref var v = ref MemoryMarshal.GetReference(Same(vector, vector.Length));
        var total = default(TSimd);
        for (nuint d = 0; d < (nuint)vector.Length; d += TSimd.Width)
        {
            total += TSimd.Load(ref v, d);
        }

        return total.Sum();
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(Same(b, a.Length));
        var total = default(TSimd);
        for (nuint d = 0; d < (nuint)a.Length; d += TSimd.Width)
        {
            total = TSimd.MultiplyAdd(TSimd.Load(ref x, d), TSimd.Load(ref y, d), total);
        }

        return total.Sum();
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(Same(b, a.Length));
        ref var z = ref MemoryMarshal.GetReference(Same(c, a.Length));
        var total = default(TSimd);
        for (nuint d = 0; d < (nuint)a.Length; d += TSimd.Width)
        {
            total = TSimd.MultiplyAdd(TSimd.Load(ref x, d), TSimd.Load(ref y, d) * TSimd.Load(ref z, d), total);
        }

        return total.Sum();
    }

    internal override void AdaGrad(
        Span<float> factors, Span<float> accumulators, ReadOnlySpan<float> sum, ReadOnlySpan<float> own, float a, float b, float l2, float rate)
    {
        ref var v = ref MemoryMarshal.GetReference(factors);
        ref var h = ref MemoryMarshal.GetReference(Same(accumulators, factors.Length));
        ref var s = ref MemoryMarshal.GetReference(Same(sum, factors.Length));
        ref var p = ref MemoryMarshal.GetReference(Same(own, factors.Length));
        var (va, vb, vl2, vrate) = (TSimd.Of(a), TSimd.Of(b), TSimd.Of(l2), TSimd.Of(rate));
        for (nuint d = 0; d < (nuint)factors.Length; d += TSimd.Width)
        {
            var value = TSimd.Load(ref v, d);
            var gradient = TSimd.MultiplyAdd(va, TSimd.Load(ref s, d), TSimd.MultiplyAdd(vb, TSimd.Load(ref p, d), vl2 * value));
            var accumulated = TSimd.MultiplyAdd(gradient, gradient, TSimd.Load(ref h, d));
            accumulated.Store(ref h, d);
            (value - (vrate * gradient / accumulated.Sqrt())).Store(ref v, d);
        }
    }

    internal override float AddGradient(
        Span<float> gradient, ReadOnlySpan<float> factors, ReadOnlySpan<float> upstream, ReadOnlySpan<float> sum, ReadOnlySpan<float> own, float b, float x)
    {
        ref var g = ref MemoryMarshal.GetReference(gradient);
        ref var v = ref MemoryMarshal.GetReference(Same(factors, gradient.Length));
        ref var u = ref MemoryMarshal.GetReference(Same(upstream, gradient.Length));
        ref var s = ref MemoryMarshal.GetReference(Same(sum, gradient.Length));
        ref var p = ref MemoryMarshal.GetReference(Same(own, gradient.Length));
        var (vb, vx) = (TSimd.Of(b), TSimd.Of(x));
        var total = default(TSimd);
        for (nuint d = 0; d < (nuint)gradient.Length; d += TSimd.Width)
        {
            var term = TSimd.Load(ref u, d) * (TSimd.Load(ref s, d) - (vb * TSimd.Load(ref p, d)));
            TSimd.MultiplyAdd(vx, term, TSimd.Load(ref g, d)).Store(ref g, d);
            total = TSimd.MultiplyAdd(TSimd.Load(ref v, d), term, total);
        }

        return total.Sum();
    }

    internal override void Descend(Span<float> vector, ReadOnlySpan<float> gradient, float l2, float rate)
    {
        ref var v = ref MemoryMarshal.GetReference(vector);
        ref var g = ref MemoryMarshal.GetReference(Same(gradient, vector.Length));
        var (vl2, vrate) = (TSimd.Of(l2), TSimd.Of(rate));
        for (nuint d = 0; d < (nuint)vector.Length; d += TSimd.Width)
        {
            var value = TSimd.Load(ref v, d);
            (value - (vrate * TSimd.MultiplyAdd(vl2, value, TSimd.Load(ref g, d)))).Store(ref v, d);
        }
    }

    /// <summary>The loops run without bounds checks, so lengths are checked before.</summary>
    private static ReadOnlySpan<float> Same(ReadOnlySpan<float> span, int length) =>
        span.Length == length && length % Padding == 0 ? span : throw new ArgumentException("The vectors of a kernel must be padded and of one length.", nameof(span));
}
