using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>Learns from rows of every kind, each by itself.</summary>
internal sealed unsafe class GroupedLearner<TVector, TLanes, TRegisters, TCrossing, TSolver> : RowLearner
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TCrossing : ICrossing
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
    ) => RowPass<TVector, TLanes, TRegisters, TCrossing>.Forward(rows, next, tables, scratch, scratchOfRow, scores);

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
        var steps = new RowSteps<TVector, TLanes, TRegisters, TCrossing, TSolver>(tables, context, ownership);
        for (var n = 0; n < rows.Count; n++)
        {
            steps.Row(rows[n], ref next, slopes[n], rows.Weights is null ? 1 : rows.Weights[n], scratch + (n * (nint)scratchOfRow));
        }
    }
}

/// <summary>Learns from pairs of rows, a positive and its negative, by the difference of their scores (Rendle et al., "BPR", UAI 2009).</summary>
internal sealed unsafe class PairLearner<TVector, TLanes, TRegisters, TCrossing, TSolver> : RowLearner
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TCrossing : ICrossing
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
    ) => RowPass<TVector, TLanes, TRegisters, TCrossing>.Forward(rows, next, tables, scratch, scratchOfRow, scores);

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
        var steps = new RowSteps<TVector, TLanes, TRegisters, TCrossing, TSolver>(tables, context, ownership);
        for (var n = 0; n + 1 < rows.Count; n += 2)
        {
            var scratchOfPositive = scratch + (n * (nint)scratchOfRow);
            steps.Pair(
                rows[n],
                rows[n + 1],
                ref next,
                slopes[n],
                rows.Weights is null ? 1 : rows.Weights[n],
                scratchOfPositive,
                scratchOfPositive + scratchOfRow
            );
        }
    }
}
