using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>Scores rows: a kernel for one kind of rows and registers.</summary>
internal abstract unsafe class RowScorer
{
    /// <summary>Scores each row of a batch.</summary>
    /// <param name="batch">The rows; targets and weights are not read.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="scratch">Room for the pooled vectors of a row, as <see cref="RowLearner.ScratchOf"/> says.</param>
    /// <param name="scores">Receives the score of each row.</param>
    public abstract void Score(in RowBatch batch, in ParameterTables tables, float* scratch, float* scores);
}

/// <summary>Scores rows in which every entry is the only one of its field and has the value 1, for latent vectors that fit into registers.</summary>
internal sealed unsafe class OneHotScorer<TVector, TLanes, TRegisters> : RowScorer
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Score(in RowBatch batch, in ParameterTables tables, float* scratch, float* scores)
    {
        var factors = tables.Factors;
        var weights = tables.Weights;
        var (factorBlock, weightBlock) = (tables.FactorBlock, tables.WeightBlock);
        var bias = *tables.Bias;
        var ahead = tables.FetchAhead;
        nint width = batch.Width;
        var entries = batch.Entries;
        var last = entries + (width * batch.Count);
        for (; entries != last; entries += width, scores++)
        {
            var end = entries + width;
            if (ahead != 0)
            {
                for (var entry = entries + ahead; entry != end + ahead; entry++)
                {
                    nuint row = (uint)*entry;
                    Cache.Prefetch(factors + (row * factorBlock), (nuint)(TLanes.Width * TRegisters.Count));
                    Cache.Prefetch(weights + (row * weightBlock));
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
                nuint row = (uint)*entry;
                var at = factors + (row * factorBlock);
                linear += weights[row * weightBlock];
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

            if (TRegisters.Count > 1)
            {
                cross0 = TLanes.Add(cross0, cross1);
            }

            *scores = TLanes.Sum(cross0) + linear + bias;
        }
    }
}

/// <summary>Scores rows of every kind.</summary>
internal sealed unsafe class GroupedScorer<TVector, TLanes, TRegisters, TCrossing> : RowScorer
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TCrossing : ICrossing
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Score(in RowBatch batch, in ParameterTables tables, float* scratch, float* scores)
    {
        var bias = *tables.Bias;
        RowPass<TVector, TLanes, TRegisters, TCrossing>.Forward(batch, default, tables, scratch, 0, scores);
        for (var n = 0; n < batch.Count; n++)
        {
            scores[n] += bias;
        }
    }
}
