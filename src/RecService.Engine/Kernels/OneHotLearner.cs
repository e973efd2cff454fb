using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>How many registers a latent vector fills. A type, so that kernels are compiled for each number.</summary>
internal interface IRegisters
{
    /// <summary>The number, or 0 when it is known at run time only.</summary>
    static abstract int Count { get; }
}

internal readonly struct OneRegister : IRegisters
{
    public static int Count => 1;
}

internal readonly struct TwoRegisters : IRegisters
{
    public static int Count => 2;
}

internal readonly struct FourRegisters : IRegisters
{
    public static int Count => 4;
}

internal readonly struct AnyRegisters : IRegisters
{
    public static int Count => 0;
}

/// <summary>
/// Learns from rows in which every entry is the only one of its field and has the value 1, for latent vectors that fit into registers: the sum of a
/// row's
/// vectors does not leave them. What <see cref="GroupedLearner{TVector, TLanes, TRegisters, TCrossing, TSolver}"/> does for every kind of row.
/// </summary>
/// <remarks>There must be no call in the loops: a call makes the compiler spill all vector registers around it, wherever it stands.</remarks>
internal sealed unsafe class OneHotLearner<TVector, TLanes, TRegisters, TSolver> : RowLearner
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TSolver : struct, ISolver<TSolver>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Forward(
        in RowBatch rows,
        RowBatch.EntryRange next,
        in ParameterTables tables,
        float* scratch,
        int scratchOfRow,
        float* scores
    )
    {
        var factors = tables.Factors;
        var weights = tables.Weights;
        var block = (nuint)(TSolver.Planes * TLanes.Width * TRegisters.Count);
        nint ahead = tables.FetchAhead;
        nint width = rows.Width;
        var entries = rows.Entries;
        var last = entries + (width * rows.Count);
        for (; entries != last; entries += width, scratch += scratchOfRow, scores++)
        {
            var end = entries + width;
            if (ahead != 0)
            {
                for (var entry = entries + ahead; entry != end + ahead; entry++)
                {
                    nuint row = (uint)*entry;
                    Cache.Prefetch(factors + (row * block), block);
                    Cache.Prefetch(weights + (row * (nuint)TSolver.Planes));
                }
            }

            var linear = 0f;
            TVector sum0 = TLanes.Zero,
                sum1 = TLanes.Zero,
                sum2 = TLanes.Zero,
                sum3 = TLanes.Zero;
            TVector cross0 = TLanes.Zero,
                cross1 = TLanes.Zero;
            for (var entry = entries; entry != end; entry++)
            {
                next.FetchVector(factors, block, (nuint)(TLanes.Width * TRegisters.Count), weights, (nuint)TSolver.Planes);
                nuint row = (uint)*entry;
                var at = factors + (row * block);
                linear += weights[row * (nuint)TSolver.Planes];
                var value = TLanes.Load(at);
                cross0 = TLanes.MultiplyAdd(sum0, value, cross0);
                sum0 = TLanes.Add(sum0, value);
                if (TRegisters.Count > 1)
                {
                    value = TLanes.Load(at + TLanes.Width);
                    cross1 = TLanes.MultiplyAdd(sum1, value, cross1);
                    sum1 = TLanes.Add(sum1, value);
                }

                if (TRegisters.Count > 2)
                {
                    value = TLanes.Load(at + (2 * TLanes.Width));
                    cross0 = TLanes.MultiplyAdd(sum2, value, cross0);
                    sum2 = TLanes.Add(sum2, value);
                    value = TLanes.Load(at + (3 * TLanes.Width));
                    cross1 = TLanes.MultiplyAdd(sum3, value, cross1);
                    sum3 = TLanes.Add(sum3, value);
                }
            }

            TLanes.Store(sum0, scratch);
            if (TRegisters.Count > 1)
            {
                TLanes.Store(sum1, scratch + TLanes.Width);
                cross0 = TLanes.Add(cross0, cross1);
            }

            if (TRegisters.Count > 2)
            {
                TLanes.Store(sum2, scratch + (2 * TLanes.Width));
                TLanes.Store(sum3, scratch + (3 * TLanes.Width));
            }

            *scores = TLanes.Sum(cross0) + linear;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Backward(
        in RowBatch rows,
        RowBatch.EntryRange next,
        in ParameterTables tables,
        in StepContext context,
        float* scratch,
        int scratchOfRow,
        float* slopes,
        Ownership ownership
    )
    {
        var solver = TSolver.Of(context);
        var factors = tables.Factors;
        var weights = tables.Weights;
        var plane = (nuint)(TLanes.Width * TRegisters.Count);
        var block = (nuint)TSolver.Planes * plane;
        var bias = tables.Bias;
        var biasRow = tables.WeightRowAt(bias);
        var l2 = context.L2;
        var l2Step = context.L2Step;
        var (l2Weights, l2Factors) = (l2[0], TLanes.Of(l2[1]));
        nint width = rows.Width;
        var entries = rows.Entries;
        var last = entries + (width * rows.Count);
        var exampleWeights = rows.Weights;
        for (; entries != last; scratch += scratchOfRow, slopes++)
        {
            var end = entries + width;
            var slope = *slopes;
            var (l2WeightsOfRow, l2FactorsOfRow) = (l2Weights, l2Factors);
            var weight = 1f;
            if (exampleWeights is not null)
            {
                weight = *exampleWeights++;
                l2WeightsOfRow *= weight;
                l2FactorsOfRow = TLanes.Multiply(l2FactorsOfRow, TLanes.Of(weight));
            }

            TSolver.Step<float, Lanes1>(*bias, slope, solver.WeightRate(biasRow), bias, 1);
            var slopesOfRow = TLanes.Of(slope);
            var sum0 = TLanes.Load(scratch);
            var sum1 = TRegisters.Count > 1 ? TLanes.Load(scratch + TLanes.Width) : TLanes.Zero;
            var sum2 = TRegisters.Count > 2 ? TLanes.Load(scratch + (2 * TLanes.Width)) : TLanes.Zero;
            var sum3 = TRegisters.Count > 2 ? TLanes.Load(scratch + (3 * TLanes.Width)) : TLanes.Zero;
            for (; entries != end; entries++)
            {
                next.FetchSums(factors, block, plane);
                nuint row = (uint)*entries;
                if (!ownership.Has(row))
                {
                    continue;
                }

                if (l2Step != 0)
                {
                    l2WeightsOfRow = weight * l2[row * l2Step];
                    l2FactorsOfRow = TLanes.Of(weight * l2[(row * l2Step) + 1]);
                }

                var at = factors + (row * block);
                var rate = TLanes.Of(solver.FactorRate(row));
                // ∂y/∂v_i = S − v_i
                var value = TLanes.Load(at);
                TSolver.Step<TVector, TLanes>(
                    value,
                    TLanes.MultiplyAdd(slopesOfRow, TLanes.Subtract(sum0, value), TLanes.Multiply(l2FactorsOfRow, value)),
                    rate,
                    at,
                    plane
                );
                if (TRegisters.Count > 1)
                {
                    at += TLanes.Width;
                    value = TLanes.Load(at);
                    TSolver.Step<TVector, TLanes>(
                        value,
                        TLanes.MultiplyAdd(slopesOfRow, TLanes.Subtract(sum1, value), TLanes.Multiply(l2FactorsOfRow, value)),
                        rate,
                        at,
                        plane
                    );
                }

                if (TRegisters.Count > 2)
                {
                    at += TLanes.Width;
                    value = TLanes.Load(at);
                    TSolver.Step<TVector, TLanes>(
                        value,
                        TLanes.MultiplyAdd(slopesOfRow, TLanes.Subtract(sum2, value), TLanes.Multiply(l2FactorsOfRow, value)),
                        rate,
                        at,
                        plane
                    );
                    at += TLanes.Width;
                    value = TLanes.Load(at);
                    TSolver.Step<TVector, TLanes>(
                        value,
                        TLanes.MultiplyAdd(slopesOfRow, TLanes.Subtract(sum3, value), TLanes.Multiply(l2FactorsOfRow, value)),
                        rate,
                        at,
                        plane
                    );
                }

                var weightAt = weights + (row * (nuint)TSolver.Planes);
                TSolver.Step<float, Lanes1>(*weightAt, slope + (l2WeightsOfRow * *weightAt), solver.WeightRate(row), weightAt, 1);
            }
        }
    }
}
