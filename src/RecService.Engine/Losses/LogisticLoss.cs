using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Data;

namespace RecService.Engine.Losses;

/// <summary>Log loss of σ(y): ln(1 + e^−y) of a positive and ln(1 + e^y) of a negative.</summary>
internal readonly struct LogisticLoss : IRowLoss
{
    public static string Word => "logistic";

    public static string FigureName => "log loss";

    public static PredictionKind Predicts => PredictionKind.Probability;

    public static int? DefaultNegatives => 8;

    public static LossDefaults Defaults => LossDefaults.OfChoices;

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.Binary;

    /// <summary>The logit of the weighted share of positives.</summary>
    public static float InitialBias(ExampleSet examples, int negativesPerPositive)
    {
        var (positives, weights) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var weight = examples.WeightOf(example);
            positives += examples.Targets[example] > 0 ? weight : 0;
            weights += weight;
        }

        var share = Math.Clamp(positives / (weights * (1 + negativesPerPositive)), 1e-4, 1 - 1e-4);
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
}
