using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>−ln(e^y / (e^y + Σ_j e^(y_j))) over the negatives j.</summary>
internal readonly unsafe struct SoftmaxLoss : ILoss, IBlockLoss
{
    public static string Word => "softmax";

    public static string FigureName => "softmax loss";

    public static PredictionKind Predicts => PredictionKind.Order;

    public static int? DefaultNegatives => null;

    public static LossDefaults Defaults => LossDefaults.OfBlocks;

    public static BlockTraits Traits => new(HasNegatives: true, IsSum: false, HasConstants: false, SparesChosen: false, RanksHoldout: true);

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.AsTheyAre;

    public static float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive) => 0;

    public static float Predict(float score, float minimum, float maximum) => score;

    public static double Value(in BlockRow row) => Math.Log(row.Powers);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>
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
            for (var lane = row; lane < Math.Min(block.Rows, row + TLanes.Width); lane++)
            {
                losses += block.Weights[lane] * Math.Log(block.Targets[lane]);
            }

            TLanes.Store(TLanes.Subtract(TLanes.Multiply(scale, own), weight), block.Targets + row);
        }

        return losses;
    }
}
