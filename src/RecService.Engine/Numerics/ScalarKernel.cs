namespace RecService.Engine.Numerics;

/// <summary>The reference: plain loops, which every other kernel is tested against.</summary>
internal sealed class ScalarKernel : FactorizationKernel
{
    public override string Name => "scalar";

    internal override void Add(Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        for (var d = 0; d < sum.Length; d++)
        {
            sum[d] += x * vector[d];
        }
    }

    internal override void AddCrossed(Span<float> cross, Span<float> sum, ReadOnlySpan<float> vector, float x)
    {
        for (var d = 0; d < cross.Length; d++)
        {
            var term = x * vector[d];
            cross[d] += sum[d] * term;
            sum[d] += term;
        }
    }

    internal override float Total(ReadOnlySpan<float> vector)
    {
        var total = 0f;
        foreach (var component in vector)
        {
            total += component;
        }

        return total;
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var total = 0f;
        for (var d = 0; d < a.Length; d++)
        {
            total += a[d] * b[d];
        }

        return total;
    }

    internal override float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c)
    {
        var total = 0f;
        for (var d = 0; d < a.Length; d++)
        {
            total += a[d] * (b[d] * c[d]);
        }

        return total;
    }

    internal override void AdaGrad(
        Span<float> factors, Span<float> accumulators, ReadOnlySpan<float> sum, ReadOnlySpan<float> own, float a, float b, float l2, float rate)
    {
        for (var d = 0; d < factors.Length; d++)
        {
            var gradient = (a * sum[d]) + (b * own[d]) + (l2 * factors[d]);
            accumulators[d] += gradient * gradient;
            factors[d] -= rate * gradient / MathF.Sqrt(accumulators[d]);
        }
    }

    internal override float AddGradient(
        Span<float> gradient, ReadOnlySpan<float> factors, ReadOnlySpan<float> upstream, ReadOnlySpan<float> sum, ReadOnlySpan<float> own, float b, float x)
    {
        var total = 0f;
        for (var d = 0; d < gradient.Length; d++)
        {
            var term = upstream[d] * (sum[d] - (b * own[d]));
            gradient[d] += x * term;
            total += factors[d] * term;
        }

        return total;
    }

    internal override void Descend(Span<float> vector, ReadOnlySpan<float> gradient, float l2, float rate)
    {
        for (var d = 0; d < vector.Length; d++)
        {
            vector[d] -= rate * (gradient[d] + (l2 * vector[d]));
        }
    }
}
