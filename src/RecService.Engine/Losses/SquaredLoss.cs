using System.Runtime.Intrinsics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>(y − t)². The slope is half its derivative: the other half is in the rates.</summary>
internal readonly unsafe struct SquaredLoss : IRowLoss, IBlockLoss
{
    public static string Word => "squared";

    public static string FigureName => "RMSE";

    public static PredictionKind Predicts => PredictionKind.Value;

    public static int? DefaultNegatives => null;

    public static LossDefaults Defaults => LossDefaults.OfValues;

    public static double Reported(double mean) => Math.Sqrt(mean);

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.InDeviations(targets, weights);

    public static float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive) => 0;

    public static float Predict(float score, float minimum, float maximum) => Math.Min(Math.Max(score, minimum), maximum);

    public static Vector256<float> Slope(Vector256<float> score, Vector256<float> target) => score - target;

    public static float Slope(float score, float target) => score - target;

    public static Vector256<float> Value(Vector256<float> score, Vector256<float> target)
    {
        var error = score - target;
        return error * error;
    }

    public static double Value(float score, float target)
    {
        var error = (double)score - target;
        return error * error;
    }

    public static BlockTraits Traits => new(HasNegatives: false, IsSum: false, HasConstants: true, SparesChosen: false, RanksHoldout: false);

    public static double Value(in BlockRow row) => (row.Score - row.Value) * (row.Score - row.Value);

    public static double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row++)
        {
            losses += block.Weights[row] * Value(block.Targets[row], block.Values[row]);
            block.Targets[row] = block.Weights[row] * Slope(block.Targets[row], block.Values[row]);
        }

        return losses;
    }
}
