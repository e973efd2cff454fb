using RecService.Engine.Data;

namespace RecService.Engine.Losses;

/// <summary>−ln σ(m) (Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009).</summary>
internal readonly struct BprLoss : IPairLoss
{
    public static string Word => "bpr";

    public static string FigureName => "pair loss";

    public static PredictionKind Predicts => PredictionKind.Order;

    public static int? DefaultNegatives => 1;

    public static LossDefaults Defaults => LossDefaults.OfChoices;

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.AsTheyAre;

    public static float InitialBias(ExampleSet examples, int negativesPerPositive) => 0;

    public static float Predict(float score, float minimum, float maximum) => score;

    // σ(m) − 1 = −σ(−m)
    public static float Slope(float margin) => -Sigmoid.Of(-margin);

    public static double Value(float margin) => Sigmoid.NegativeLog(margin);
}
