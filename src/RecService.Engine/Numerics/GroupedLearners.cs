using System.Runtime.CompilerServices;

namespace RecService.Engine.Numerics;

/// <summary>Learns from rows of every kind, each by itself.</summary>
internal sealed unsafe class GroupedLearner<TVector, TLanes, TRegisters, TInteraction, TSolver, TLoss> : GroupedLearner
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TInteraction : IInteraction
    where TSolver : struct, ISolver<TSolver>
    where TLoss : ILoss
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Learn(in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, float* scores)
    {
        var steps = new RowSteps<TVector, TLanes, TRegisters, TInteraction, TSolver>(tables, context, new(0, 1));
        var bias = tables.Bias;
        for (var n = 0; n < batch.Count; n++)
        {
            var row = batch[n];
            row.Fetch(tables);
            var score = RowPass<TVector, TLanes, TRegisters, TInteraction>.Forward(row, tables, scratch) + *bias;
            scores[n] = score;
            var weight = batch.Weights is null ? 1 : batch.Weights[n];
            steps.Row(row, weight * TLoss.Slope(score, batch.Targets[n]), weight, scratch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Forward(in RowBatch batch, int from, int to, in ParameterTables tables, float* scratch, int scratchOfRow, float* scores)
    {
        for (var n = from; n < to; n++)
        {
            var row = batch[n];
            row.Fetch(tables);
            scores[n] = RowPass<TVector, TLanes, TRegisters, TInteraction>.Forward(row, tables, scratch + (n * (nint)scratchOfRow));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Backward(
        in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, int scratchOfRow, float* scores, Ownership ownership, float* biased)
    {
        var steps = new RowSteps<TVector, TLanes, TRegisters, TInteraction, TSolver>(tables, context, ownership);
        var bias = tables.Bias;
        for (var n = 0; n < batch.Count; n++)
        {
            var score = scores[n] + *bias;
            if (biased is not null)
            {
                biased[n] = score;
            }

            var weight = batch.Weights is null ? 1 : batch.Weights[n];
            steps.Row(batch[n], weight * TLoss.Slope(score, batch.Targets[n]), weight, scratch + (n * (nint)scratchOfRow));
        }
    }
}

/// <summary>Learns from pairs of rows, a positive and its negative, the loss −ln σ(y⁺ − y⁻) (Rendle et al., "BPR", UAI 2009).</summary>
internal sealed unsafe class PairLearner<TVector, TLanes, TRegisters, TInteraction, TSolver> : GroupedLearner
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TInteraction : IInteraction
    where TSolver : struct, ISolver<TSolver>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Learn(in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, float* scores)
    {
        var steps = new RowSteps<TVector, TLanes, TRegisters, TInteraction, TSolver>(tables, context, new(0, 1));
        for (var n = 0; n + 1 < batch.Count; n += 2)
        {
            var (positive, negative) = (batch[n], batch[n + 1]);
            positive.Fetch(tables);
            negative.Fetch(tables);
            var negativeScratch = scratch + ScratchOf(RowPass<TVector, TLanes, TRegisters, TInteraction>.GroupsOf(positive), tables.Stride);
            scores[n] = RowPass<TVector, TLanes, TRegisters, TInteraction>.Forward(positive, tables, scratch);
            scores[n + 1] = RowPass<TVector, TLanes, TRegisters, TInteraction>.Forward(negative, tables, negativeScratch);
            Step(steps, batch, n, scores, scratch, negativeScratch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Forward(in RowBatch batch, int from, int to, in ParameterTables tables, float* scratch, int scratchOfRow, float* scores)
    {
        for (var n = from; n < to; n++)
        {
            var row = batch[n];
            row.Fetch(tables);
            scores[n] = RowPass<TVector, TLanes, TRegisters, TInteraction>.Forward(row, tables, scratch + (n * (nint)scratchOfRow));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Backward(
        in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, int scratchOfRow, float* scores, Ownership ownership, float* biased)
    {
        // Pairs have no bias.
        if (biased is not null)
        {
            new Span<float>(scores, batch.Count).CopyTo(new(biased, batch.Count));
        }

        var steps = new RowSteps<TVector, TLanes, TRegisters, TInteraction, TSolver>(tables, context, ownership);
        for (var n = 0; n + 1 < batch.Count; n += 2)
        {
            Step(steps, batch, n, scores, scratch + (n * (nint)scratchOfRow), scratch + ((n + 1) * (nint)scratchOfRow));
        }
    }

    private static void Step(
        in RowSteps<TVector, TLanes, TRegisters, TInteraction, TSolver> steps, in RowBatch batch, int n, float* scores, float* positiveScratch, float* negativeScratch)
    {
        var weight = batch.Weights is null ? 1 : batch.Weights[n];
        var slope = LogisticLoss.Sigmoid(scores[n] - scores[n + 1]) - 1;
        steps.Pair(batch[n], batch[n + 1], weight * slope, weight, positiveScratch, negativeScratch);
    }
}
