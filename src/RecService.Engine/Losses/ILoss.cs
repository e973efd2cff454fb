using System.Runtime.Intrinsics;

namespace RecService.Engine.Losses;

/// <summary>
/// What a loss has to say of itself, whatever rows it is of. A loss is a type without state, so that the loops over rows are compiled for each.
/// </summary>
internal interface ILoss
{
    /// <summary>What commands and reports call it.</summary>
    static abstract string Word { get; }

    /// <summary>What its mean over rows is called, as <see cref="Reported"/> gives it.</summary>
    static abstract string FigureName { get; }

    /// <summary>What a prediction is.</summary>
    static abstract PredictionKind Predicts { get; }

    /// <summary>Negatives to draw for each positive unless somebody says how many; null for a loss that is not for positives alone.</summary>
    static abstract int? DefaultNegatives { get; }

    /// <summary>Settings to start from.</summary>
    static abstract LossDefaults Defaults { get; }

    /// <summary>The mean over rows, in units of the targets or their squares, as <see cref="FigureName"/>.</summary>
    static abstract double Reported(double mean);

    /// <summary>The scale on which targets are learned.</summary>
    /// <param name="targets">The targets.</param>
    /// <param name="weights">Weight of each; empty when all are 1.</param>
    static abstract TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights);

    /// <summary>The bias that is best without any feature, on that scale.</summary>
    /// <param name="targets">The targets.</param>
    /// <param name="weights">Weight of each; empty when all are 1.</param>
    /// <param name="negativesPerPositive">How much the negatives that are still to be drawn for each count.</param>
    static abstract float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive);

    /// <summary>What a score predicts.</summary>
    /// <param name="score">The score.</param>
    /// <param name="minimum">Smallest training target.</param>
    /// <param name="maximum">Largest training target.</param>
    static abstract float Predict(float score, float minimum, float maximum);
}

/// <summary>A loss of single rows, each with a target.</summary>
internal interface IRowLoss : ILoss
{
    /// <summary>∂L/∂y, up to a constant factor that suits the rates.</summary>
    static abstract Vector256<float> Slope(Vector256<float> score, Vector256<float> target);

    /// <summary>The same of one row.</summary>
    static abstract float Slope(float score, float target);

    /// <summary>L.</summary>
    static abstract Vector256<float> Value(Vector256<float> score, Vector256<float> target);

    /// <summary>The same of one row.</summary>
    static abstract double Value(float score, float target);
}

/// <summary>A loss of pairs of rows, of the difference m = y⁺ − y⁻ of their scores. The bias cancels out.</summary>
internal interface IPairLoss : ILoss
{
    /// <summary>∂L/∂m.</summary>
    static abstract float Slope(float margin);

    /// <summary>L.</summary>
    static abstract double Value(float margin);
}

/// <summary>What a prediction is.</summary>
public enum PredictionKind
{
    /// <summary>A target, in its units.</summary>
    Value,

    /// <summary>The probability that a target is above 0.</summary>
    Probability,

    /// <summary>A number that orders, and means nothing else.</summary>
    Order,
}

/// <summary>What rows a loss is of.</summary>
public enum LossRows
{
    /// <summary>Single ones, each with a target.</summary>
    Singles,

    /// <summary>Pairs of a positive and a negative.</summary>
    Pairs,

    /// <summary>Blocks of positives with the negatives that they share: along sequences only.</summary>
    Blocks,
}

/// <summary>Settings to start from for a loss.</summary>
/// <param name="AdaGradRate">Learning rate of AdaGrad.</param>
/// <param name="SgdRate">Learning rate of plain gradient descent.</param>
/// <param name="L2Linear">L2 on linear weights.</param>
/// <param name="L2Factors">L2 on factors.</param>
/// <param name="InitialDeviation">Standard deviation of the initial factors.</param>
/// <param name="InitialAccumulator">What AdaGrad's sums start from.</param>
/// <param name="Factors">k.</param>
/// <param name="Epochs">Passes over the rows at most.</param>
/// <param name="Patience">Epochs without a better holdout: more where it is a ranking, which is noisier than a loss.</param>
public sealed record LossDefaults(
    float AdaGradRate,
    float SgdRate,
    float L2Linear,
    float L2Factors,
    float InitialDeviation,
    float InitialAccumulator,
    int Factors = 16,
    int Epochs = 30,
    int Patience = 3
)
{
    /// <summary>What suits noisy ratings, learned in units of their deviation.</summary>
    public static LossDefaults OfValues { get; } = new(0.05f, 0.01f, 0.01f, 0.01f, 0.02f, 3);

    /// <summary>What suits positives with sampled negatives, whose gradients are smaller.</summary>
    public static LossDefaults OfChoices { get; } = new(0.2f, 0.05f, 0.005f, 0.02f, 0.1f, 1);

    /// <summary>What suits choices among all items: gradients are sums over a block of rows, and L2 acts once a block.</summary>
    public static LossDefaults OfBlocks { get; } = new(0.05f, 0.05f, 0, 0, 0.05f, 1e-6f, Factors: 64, Epochs: 40, Patience: 10);
}
