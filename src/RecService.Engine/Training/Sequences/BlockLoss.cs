using System.Runtime.CompilerServices;
using RecService.Engine.Losses;
using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Passes;

namespace RecService.Engine.Training.Sequences;

/// <summary>Scores of a block of rows: each of its target, and of the negatives that they share.</summary>
internal unsafe struct BlockScores
{
    /// <summary>The score of what is no negative of a row.</summary>
    public const float Never = -1e30f;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Rows, padded to a multiple of the register's width.</summary>
    public int PaddedRows;

    /// <summary>Negatives.</summary>
    public int Negatives;

    /// <summary>Score of the target of each row; receives its slope.</summary>
    public float* Targets;

    /// <summary>Scores of the negatives, for each negative <see cref="PaddedRows"/> of them; receive their slopes.</summary>
    public float* Scores;

    /// <summary>How often each negative counts, where the loss is a sum over them.</summary>
    public float* Shares;

    /// <summary>What is to be predicted of each row, where the loss asks.</summary>
    public float* Values;

    /// <summary>Weight of each row, 0 for padding.</summary>
    public float* Weights;
}

/// <summary>The losses of rows with shared negatives.</summary>
internal static class BlockLoss
{
    /// <summary>Whether what is to be predicted is compared with other items.</summary>
    public static bool HasNegatives(Loss loss) => loss != Loss.Squared;

    /// <summary>Whether it matters what all scores of a row have in common.</summary>
    public static bool HasConstants(Loss loss) => loss is Loss.Squared or Loss.Logistic;

    /// <summary>Whether what a user chose at another time is no negative.</summary>
    public static bool SparesChosen(Loss loss) => loss is Loss.Logistic or Loss.Bpr;

    /// <summary>Whether negatives weigh in a sum, rather than each in proportion to how much it competes.</summary>
    public static bool HasShares(Loss loss) => loss is Loss.Logistic or Loss.Bpr;
}

/// <summary>The losses of rows with shared negatives, and their slopes, registers of rows side by side.</summary>
internal static unsafe class BlockLoss<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>Factors of up to 2 whose product is within a float.</summary>
    private const int MostFactors = 96;

    /// <summary>Turns scores into slopes, weights included; returns Σ weight · loss.</summary>
    public static double Slopes(Loss loss, in BlockScores block) =>
        loss switch
        {
            Loss.Softmax => Softmax(block),
            Loss.Logistic => Logistic(block),
            Loss.Bpr => Pairs(block),
            _ => Squares(block),
        };

    /// <summary>−ln(e^y / (e^y + Σ_j e^(y_j))).</summary>
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
                most = TLanes.Max(most, TLanes.Load(at));
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
            losses += Logarithms(block, row);
            TLanes.Store(TLanes.Subtract(TLanes.Multiply(scale, own), weight), block.Targets + row);
        }

        return losses;
    }

    /// <summary>ln(1 + e^−y) of a positive, ln(1 + e^y) of a negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Logistic(in BlockScores block)
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row += TLanes.Width)
        {
            var (target, value, weight) = (TLanes.Load(block.Targets + row), TLanes.Load(block.Values + row), TLanes.Load(block.Weights + row));
            for (var lane = row; lane < Math.Min(block.Rows, row + TLanes.Width); lane++)
            {
                losses += block.Weights[lane] * Softplus(block.Values[lane] > 0 ? -block.Targets[lane] : block.Targets[lane]);
            }

            TLanes.Store(TLanes.Multiply(weight, TLanes.Subtract(Sigmoid(target), value)), block.Targets + row);
            losses += Negatives(block, row, TLanes.Zero);
        }

        return losses;
    }

    /// <summary>ln(1 + e^(y_j − y)) of each negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Pairs(in BlockScores block)
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row += TLanes.Width)
        {
            losses += Negatives(block, row, TLanes.Load(block.Targets + row));
            var total = TLanes.Zero;
            for (var n = 0; n < block.Negatives; n++)
            {
                total = TLanes.Add(total, TLanes.Load(block.Scores + (n * (nint)block.PaddedRows) + row));
            }

            TLanes.Store(TLanes.Subtract(TLanes.Zero, total), block.Targets + row);
        }

        return losses;
    }

    /// <summary>(y − target)².</summary>
    private static double Squares(in BlockScores block)
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row++)
        {
            var error = block.Targets[row] - block.Values[row];
            losses += block.Weights[row] * (double)error * error;
            block.Targets[row] = block.Weights[row] * error;
        }

        return losses;
    }

    /// <summary>Σ_j share_j ln(1 + e^(y_j − base)) of the rows of a register, whose slopes take the place of the scores.</summary>
    private static double Negatives(in BlockScores block, int row, TVector subtracted)
    {
        var losses = 0.0;
        var weight = TLanes.Load(block.Weights + row);
        var linear = TLanes.Zero;
        var product = TLanes.Of(1);
        var factors = 0;
        var share = 0f;
        var ofRegister = stackalloc float[TLanes.Width];
        for (var n = 0; n < block.Negatives; n++)
        {
            if (block.Shares[n] != share || factors == MostFactors)
            {
                losses += Flush(block, row, product, share, ofRegister);
                (product, factors, share) = (TLanes.Of(1), 0, block.Shares[n]);
            }

            var at = block.Scores + (n * (nint)block.PaddedRows) + row;
            // Far enough below 0 for nothing to be left of what is no negative.
            var score = TLanes.Max(TLanes.Subtract(TLanes.Load(at), subtracted), TLanes.Of(-87));
            var magnitude = TLanes.Max(score, TLanes.Subtract(TLanes.Zero, score));
            product = TLanes.Multiply(product, TLanes.Add(TLanes.Of(1), TLanes.Exp(TLanes.Subtract(TLanes.Zero, magnitude))));
            linear = TLanes.MultiplyAdd(TLanes.Of(share), TLanes.Max(score, TLanes.Zero), linear);
            TLanes.Store(TLanes.Multiply(TLanes.Multiply(TLanes.Of(share), weight), Sigmoid(score)), at);
            factors++;
        }

        losses += Flush(block, row, product, share, ofRegister);
        TLanes.Store(linear, ofRegister);
        for (var lane = 0; lane < TLanes.Width && row + lane < block.Rows; lane++)
        {
            losses += block.Weights[row + lane] * ofRegister[lane];
        }

        return losses;
    }

    private static double Flush(in BlockScores block, int row, TVector product, float share, float* ofRegister)
    {
        var losses = 0.0;
        TLanes.Store(product, ofRegister);
        for (var lane = 0; lane < TLanes.Width && row + lane < block.Rows; lane++)
        {
            losses += block.Weights[row + lane] * share * Math.Log(ofRegister[lane]);
        }

        return losses;
    }

    private static double Logarithms(in BlockScores block, int row)
    {
        var losses = 0.0;
        for (var lane = row; lane < Math.Min(block.Rows, row + TLanes.Width); lane++)
        {
            losses += block.Weights[lane] * Math.Log(block.Targets[lane]);
        }

        return losses;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Sigmoid(TVector x) => TLanes.Divide(TLanes.Of(1), TLanes.Add(TLanes.Of(1), TLanes.Exp(TLanes.Subtract(TLanes.Zero, x))));

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
