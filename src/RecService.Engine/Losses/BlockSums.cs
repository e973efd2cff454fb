using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>Sums over the negatives of blocks, registers of rows side by side.</summary>
internal static unsafe class BlockSums<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>Factors of up to 2 whose product is within a float.</summary>
    private const int MostFactors = 96;

    /// <summary>Σ_j share_j ln(1 + e^(y_j − base)) of the rows of a register, whose slopes take the place of the scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Negatives(in BlockScores block, int row, TVector subtracted)
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid(TVector x) => TLanes.Divide(TLanes.Of(1), TLanes.Add(TLanes.Of(1), TLanes.Exp(TLanes.Subtract(TLanes.Zero, x))));
}
