using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>Log loss of σ(y): ln(1 + e^−y) of a positive and ln(1 + e^y) of a negative.</summary>
internal readonly unsafe struct LogisticLoss : IRowLoss, IBlockLoss
{
    public static string Word => "logistic";

    public static string FigureName => "log loss";

    public static PredictionKind Predicts => PredictionKind.Probability;

    public static int? DefaultNegatives => 8;

    public static LossDefaults Defaults => LossDefaults.OfChoices;

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.Binary;

    /// <summary>The logit of the weighted share of positives.</summary>
    public static float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive)
    {
        var (positives, total) = (0.0, 0.0);
        for (var row = 0; row < targets.Length; row++)
        {
            var weight = weights.IsEmpty ? 1 : weights[row];
            positives += targets[row] > 0 ? weight : 0;
            total += weight;
        }

        var share = Math.Clamp(positives / (total * (1 + negativesPerPositive)), 1e-4, 1 - 1e-4);
        return (float)Math.Log(share / (1 - share));
    }

    public static float Predict(float score, float minimum, float maximum) => (float)(1 / (1 + Math.Exp(-(double)score)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Slope(Vector256<float> score, Vector256<float> target) => Sigmoid.Of(score) - target;

    public static float Slope(float score, float target) => Sigmoid.Of(score) - target;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Value(Vector256<float> score, Vector256<float> target)
    {
        var margin = Vector256.ConditionalSelect(Vector256.GreaterThan(target, Vector256<float>.Zero), score, -score);
        return Vector256.Log(Vector256<float>.One + Vector256.Exp(-Vector256.Abs(margin))) - Vector256.Min(margin, Vector256<float>.Zero);
    }

    public static double Value(float score, float target) => Sigmoid.NegativeLog(target > 0 ? score : -score);

    public static BlockTraits Traits =>
        new(HasNegatives: true, IsSum: true, HasConstants: true, SparesChosen: true, RanksHoldout: true, NegativeWeight: 8);

    public static double Value(in BlockRow row) =>
        (Sigmoid.NegativeLog((float)(row.Value > 0 ? row.Score : -row.Score)) + (row.NegativeWeight * row.Negatives)) / (1 + row.NegativeWeight);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row += TLanes.Width)
        {
            for (var lane = row; lane < Math.Min(block.Rows, row + TLanes.Width); lane++)
            {
                losses += block.Weights[lane] * Value(block.Targets[lane], block.Values[lane]);
            }

            var slope = TLanes.Subtract(BlockSums<TVector, TLanes>.Sigmoid(TLanes.Load(block.Targets + row)), TLanes.Load(block.Values + row));
            TLanes.Store(TLanes.Multiply(TLanes.Load(block.Weights + row), slope), block.Targets + row);
            losses += BlockSums<TVector, TLanes>.Negatives(block, row, TLanes.Zero);
        }

        // Of a mean over the row and its negatives.
        return losses / (1 + block.NegativeWeight);
    }
}
