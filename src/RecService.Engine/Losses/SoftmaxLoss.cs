using RecService.Engine.Data;

namespace RecService.Engine.Losses;

/// <summary>−ln(e^y / (e^y + Σ_j e^(y_j − ln(|S| q_j)))), S all items, or a sample of them that is drawn by q (Bengio, Senécal, IEEE TNN 2008).</summary>
internal readonly struct SoftmaxLoss : IChoiceLoss
{
    public static string Word => "softmax";

    public static string FigureName => "softmax loss";

    public static PredictionKind Predicts => PredictionKind.Order;

    /// <summary>What a catalogue decides: all items of a small one, else a sample.</summary>
    public static int? DefaultNegatives => null;

    public static LossDefaults Defaults { get; } = new(0.05f, 0.05f, 0, 0, 0.05f, 1e-6f, Factors: 64);

    public static double Reported(double mean) => mean;

    public static TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TargetScale.AsTheyAre;

    public static float InitialBias(ExampleSet examples, int negativesPerPositive) => 0;

    public static float Predict(float score, float minimum, float maximum) => score;
}
