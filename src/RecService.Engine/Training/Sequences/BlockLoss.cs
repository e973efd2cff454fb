using System.Runtime.CompilerServices;
using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Scores of a block of rows: each of its target, and of the negatives that they share.</summary>
internal unsafe struct BlockScores
{
    /// <summary>Added to the score of what is no negative of a row.</summary>
    public const float Never = -1e30f;

    /// <summary>Rows, padded to a multiple of the register's width.</summary>
    public int PaddedRows;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Negatives.</summary>
    public int Negatives;

    /// <summary>Score of the target of each row; receives its slope.</summary>
    public float* Targets;

    /// <summary>
    /// Scores of the negatives, for each negative <see cref="PaddedRows"/> of them, without <see cref="Offsets"/>; receive their slopes.
    /// </summary>
    public float* Scores;

    /// <summary>What is to be added to the scores of each negative.</summary>
    public float* Offsets;

    /// <summary>How often each negative counts, where the loss is a sum over them.</summary>
    public float* Shares;

    /// <summary>What is to be predicted of each row, where the loss asks.</summary>
    public float* Values;

    /// <summary>Weight of each row, 0 for padding.</summary>
    public float* Weights;
}

/// <summary>The losses of blocks, and their slopes.</summary>
internal static unsafe class BlockLoss<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>Turns scores into slopes, weights included; returns Σ weight · loss.</summary>
    public static double Slopes(Loss loss, in BlockScores block) =>
        loss switch
        {
            Loss.Softmax => Softmax(block),
            _ => throw new ArgumentOutOfRangeException(nameof(loss)),
        };

    /// <summary>−ln(e^y / (e^y + Σ_j e^(y_j + offset_j))).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Softmax(in BlockScores block)
    {
        var (stride, negatives) = ((nint)block.PaddedRows, block.Negatives);
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row += TLanes.Width)
        {
            var target = TLanes.Load(block.Targets + row);
            var most = target;
            var at = block.Scores + row;
            for (var n = 0; n < negatives; n++, at += stride)
            {
                var score = TLanes.Add(TLanes.Load(at), TLanes.Of(block.Offsets[n]));
                TLanes.Store(score, at);
                most = TLanes.Max(most, score);
            }

            var own = TLanes.Exp(TLanes.Subtract(target, most));
            var sum = own;
            at = block.Scores + row;
            for (var n = 0; n < negatives; n++, at += stride)
            {
                var power = TLanes.Exp(TLanes.Subtract(TLanes.Load(at), most));
                TLanes.Store(power, at);
                sum = TLanes.Add(sum, power);
            }

            var weight = TLanes.Load(block.Weights + row);
            var scale = TLanes.Divide(weight, sum);
            at = block.Scores + row;
            for (var n = 0; n < negatives; n++, at += stride)
            {
                TLanes.Store(TLanes.Multiply(scale, TLanes.Load(at)), at);
            }

            // The loss of each row is the logarithm of the inverse of its target's share.
            TLanes.Store(TLanes.Divide(sum, own), block.Targets + row);
            for (var lane = 0; lane < TLanes.Width && row + lane < block.Rows; lane++)
            {
                losses += block.Weights[row + lane] * Math.Log(block.Targets[row + lane]);
            }

            TLanes.Store(TLanes.Subtract(TLanes.Multiply(scale, own), weight), block.Targets + row);
        }

        return losses;
    }
}
