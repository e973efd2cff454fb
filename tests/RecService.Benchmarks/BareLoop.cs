using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using RecService.Engine.Numerics;

namespace RecService.Benchmarks;

/// <summary>
/// What the library is measured by: a factorization machine with AdaGrad in two dozen lines, for rows of one feature each field and vectors of 8, 16
/// or 64, without
/// shuffling, weights of examples, or anything that could be left out.
/// </summary>
internal static unsafe class BareLoop
{
    private const float Rate = 0.05f;
    private const float L2 = 0.001f;

    /// <summary>One pass over the rows.</summary>
    /// <param name="rows">width columns a row, and as many more rows as are read ahead.</param>
    /// <param name="targets">Target of each row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="width">Columns of a row.</param>
    /// <param name="factors">For each column k factors, then k sums of squared gradients.</param>
    /// <param name="weights">For each column a weight and its sum of squared gradients.</param>
    /// <param name="k">8, 16 or 64.</param>
    /// <param name="ahead">How many rows ahead parameters are fetched; 0 for not at all.</param>
    public static void Learn(int* rows, float* targets, int count, int width, float* factors, float* weights, int k, int ahead)
    {
        switch (k)
        {
            case 8:
                Learn8(rows, targets, count, width, factors, weights, ahead);
                break;
            case 16:
                Learn16(rows, targets, count, width, factors, weights, ahead);
                break;
            case 64:
                Learn64(rows, targets, count, width, factors, weights, ahead);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(k), k, "The bare loop is written for 8, 16 and 64 factors.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Learn16(int* rows, float* targets, int count, int width, float* factors, float* weights, int ahead)
    {
        var (bias, biasSquares) = (0f, 1f);
        for (var n = 0; n < count; n++, rows += width)
        {
            Fetch(rows, ahead, width, factors, weights, 32);
            var (sum, cross, linear) = (Vector512<float>.Zero, Vector512<float>.Zero, bias);
            for (var e = 0; e < width; e++)
            {
                var v = Vector512.Load(factors + (32L * rows[e]));
                cross = Vector512.FusedMultiplyAdd(sum, v, cross);
                sum += v;
                linear += weights[2L * rows[e]];
            }

            var slope = linear + Vector512.Sum(cross) - targets[n];
            Step(ref bias, ref biasSquares, slope);
            for (var e = 0; e < width; e++)
            {
                Step(factors + (32L * rows[e]), 16, sum, slope);
                Step(weights + (2L * rows[e]), slope);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Learn64(int* rows, float* targets, int count, int width, float* factors, float* weights, int ahead)
    {
        var (bias, biasSquares) = (0f, 1f);
        for (var n = 0; n < count; n++, rows += width)
        {
            Fetch(rows, ahead, width, factors, weights, 128);
            Vector512<float> sum0 = default,
                sum1 = default,
                sum2 = default,
                sum3 = default,
                cross0 = default,
                cross1 = default;
            var linear = bias;
            for (var e = 0; e < width; e++)
            {
                var at = factors + (128L * rows[e]);
                cross0 = Vector512.FusedMultiplyAdd(sum0, Vector512.Load(at), cross0);
                sum0 += Vector512.Load(at);
                cross1 = Vector512.FusedMultiplyAdd(sum1, Vector512.Load(at + 16), cross1);
                sum1 += Vector512.Load(at + 16);
                cross0 = Vector512.FusedMultiplyAdd(sum2, Vector512.Load(at + 32), cross0);
                sum2 += Vector512.Load(at + 32);
                cross1 = Vector512.FusedMultiplyAdd(sum3, Vector512.Load(at + 48), cross1);
                sum3 += Vector512.Load(at + 48);
                linear += weights[2L * rows[e]];
            }

            var slope = linear + Vector512.Sum(cross0 + cross1) - targets[n];
            Step(ref bias, ref biasSquares, slope);
            for (var e = 0; e < width; e++)
            {
                var at = factors + (128L * rows[e]);
                Step(at, 64, sum0, slope);
                Step(at + 16, 64, sum1, slope);
                Step(at + 32, 64, sum2, slope);
                Step(at + 48, 64, sum3, slope);
                Step(weights + (2L * rows[e]), slope);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Learn8(int* rows, float* targets, int count, int width, float* factors, float* weights, int ahead)
    {
        var (bias, biasSquares) = (0f, 1f);
        for (var n = 0; n < count; n++, rows += width)
        {
            Fetch(rows, ahead, width, factors, weights, 16);
            var (sum, cross, linear) = (Vector256<float>.Zero, Vector256<float>.Zero, bias);
            for (var e = 0; e < width; e++)
            {
                var v = Vector256.Load(factors + (16L * rows[e]));
                cross = Vector256.MultiplyAddEstimate(sum, v, cross);
                sum += v;
                linear += weights[2L * rows[e]];
            }

            var slope = linear + Vector256.Sum(cross) - targets[n];
            Step(ref bias, ref biasSquares, slope);
            for (var e = 0; e < width; e++)
            {
                var at = factors + (16L * rows[e]);
                var v = Vector256.Load(at);
                var gradient = Vector256.MultiplyAddEstimate(Vector256.Create(slope), sum - v, L2 * v);
                var squares = Vector256.MultiplyAddEstimate(gradient, gradient, Vector256.Load(at + 8));
                squares.Store(at + 8);
                (v - (Rate * gradient * Lanes8.ReciprocalSqrt(squares))).Store(at);
                Step(weights + (2L * rows[e]), slope);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(float* at, int plane, Vector512<float> sum, float slope)
    {
        var v = Vector512.Load(at);
        var gradient = Vector512.FusedMultiplyAdd(Vector512.Create(slope), sum - v, L2 * v);
        var squares = Vector512.FusedMultiplyAdd(gradient, gradient, Vector512.Load(at + plane));
        squares.Store(at + plane);
        (v - (Rate * gradient * Lanes16.ReciprocalSqrt(squares))).Store(at);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(float* at, float slope)
    {
        var gradient = slope + (L2 * at[0]);
        var squares = at[1] + (gradient * gradient);
        at[1] = squares;
        at[0] -= Rate * gradient * MathF.ReciprocalSqrtEstimate(squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(ref float bias, ref float squares, float slope)
    {
        squares += slope * slope;
        bias -= Rate * slope * MathF.ReciprocalSqrtEstimate(squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(int* rows, int ahead, int width, float* factors, float* weights, int block)
    {
        if (ahead == 0 || !Sse.IsSupported)
        {
            return;
        }

        for (var e = ahead * width; e < (ahead + 1) * width; e++)
        {
            for (var line = 0; line < block; line += 16)
            {
                Sse.Prefetch0(factors + ((long)block * rows[e]) + line);
            }

            Sse.Prefetch0(weights + (2L * rows[e]));
        }
    }
}
