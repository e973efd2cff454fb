using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>How a model is trained.</summary>
public sealed record TrainingSettings
{
    /// <summary>Which features cross.</summary>
    public FeatureInteraction Interaction { get; init; } = FeatureInteraction.FieldPooled;

    /// <summary>What is minimised.</summary>
    public Loss Loss { get; init; } = Loss.Squared;

    /// <summary>k, 0 to 4096; 0 trains a linear model.</summary>
    public int Factors { get; init; } = 16;

    /// <summary>Passes over the examples at most, at least 1.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>η of AdaGrad, above 0: the largest step of a parameter. Squared loss is learned in units of the targets' deviation, so that it suits any scale of them.</summary>
    public float LearningRate { get; init; } = 0.05f;

    /// <summary>L2 on linear weights, per occurrence of the feature and times the weight of the example, not negative.</summary>
    public float L2Linear { get; init; } = 0.01f;

    /// <summary>L2 on factors, per occurrence of the feature and times the weight of the example, not negative.</summary>
    public float L2Factors { get; init; } = 0.01f;

    /// <summary>Standard deviation of the initial factors, above 0.</summary>
    public float InitialDeviation { get; init; } = 0.02f;

    /// <summary>What AdaGrad's sums of squared gradients start from, above 0: the larger, the gentler the first steps.</summary>
    public float InitialAccumulator { get; init; } = 3f;

    /// <summary>Seed of the initial factors, the order of examples and the negatives.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Epochs without a better holdout loss after which training stops, at least 1.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>Kernel to compute with; null takes the machine's best, or what RECSERVICE_KERNEL names.</summary>
    public string? KernelName { get; init; }

    /// <summary>
    /// Settings to start from for a loss. Those of the squared loss suit noisy ratings; those of the logistic loss suit positives with sampled negatives, whose gradients are smaller. Cleaner data want a
    /// smaller <see cref="L2Factors"/>.
    /// </summary>
    public static TrainingSettings For(Loss loss) => loss == Loss.Squared
        ? new()
        : new() { Loss = loss, LearningRate = 0.2f, L2Linear = 0.005f, L2Factors = 0.02f, InitialDeviation = 0.1f, InitialAccumulator = 1 };

    /// <summary>Checks every setting.</summary>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Enum.IsDefined(Interaction), nameof(Interaction), Interaction, "a known interaction");
        Require(Enum.IsDefined(Loss), nameof(Loss), Loss, "a known loss");
        Require(Factors is >= 0 and <= 4096, nameof(Factors), Factors, "0 to 4096");
        Require(Epochs >= 1, nameof(Epochs), Epochs, "at least 1");
        Require(float.IsFinite(LearningRate) && LearningRate > 0, nameof(LearningRate), LearningRate, "above 0");
        Require(float.IsFinite(L2Linear) && L2Linear >= 0, nameof(L2Linear), L2Linear, "0 or more");
        Require(float.IsFinite(L2Factors) && L2Factors >= 0, nameof(L2Factors), L2Factors, "0 or more");
        Require(float.IsFinite(InitialDeviation) && InitialDeviation > 0, nameof(InitialDeviation), InitialDeviation, "above 0");
        Require(float.IsFinite(InitialAccumulator) && InitialAccumulator > 0, nameof(InitialAccumulator), InitialAccumulator, "above 0");
        Require(Patience >= 1, nameof(Patience), Patience, "at least 1");
    }

    private static void Require(bool holds, string name, object value, string range)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {range}."), name);
        }
    }
}
