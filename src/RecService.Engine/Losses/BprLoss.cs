using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>−ln σ(m) (Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009).</summary>
internal readonly unsafe struct BprLoss : IPairLoss, IBlockLoss
{
    public static string Word => "bpr";

    public static string FigureName => "pair loss";

    public static PredictionKind Predicts => PredictionKind.Order;

    public static int? DefaultNegatives => 1;

    public static LossDefaults Defaults => LossDefaults.OfChoices;

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.AsTheyAre;

    public static float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive) => 0;

    public static float Predict(float score, float minimum, float maximum) => score;

    // σ(m) − 1 = −σ(−m)
    public static float Slope(float margin) => -Sigmoid.Of(-margin);

    public static double Value(float margin) => Sigmoid.NegativeLog(margin);

    public static BlockTraits Traits => new(HasNegatives: true, IsSum: true, HasConstants: false, SparesChosen: true, RanksHoldout: true);

    public static double Value(in BlockRow row) => row.Margins;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>
    {
        var losses = 0.0;
        for (var row = 0; row < block.PaddedRows; row += TLanes.Width)
        {
            losses += BlockSums<TVector, TLanes>.Negatives(block, row, TLanes.Load(block.Targets + row));
            var total = TLanes.Zero;
            for (var n = 0; n < block.Negatives; n++)
            {
                total = TLanes.Add(total, TLanes.Load(block.Scores + (n * (nint)block.PaddedRows) + row));
            }

            TLanes.Store(TLanes.Subtract(TLanes.Zero, total), block.Targets + row);
        }

        return losses;
    }
}
