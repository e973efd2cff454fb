using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>L2 of a field.</summary>
/// <param name="Linear">On its weights, per occurrence, not negative.</param>
/// <param name="Factors">On its factors, per occurrence, not negative.</param>
public readonly record struct FieldL2(float Linear, float Factors);

/// <summary>How a model is trained.</summary>
public sealed record TrainingSettings
{
    /// <summary>Which features cross.</summary>
    public Crossing Crossing { get; init; } = Crossing.FieldPooled;

    /// <summary>What is minimised.</summary>
    public Loss Loss { get; init; } = Loss.Squared;

    /// <summary>k, 0 to 4096, the length of cross vectors; 0 trains a linear model.</summary>
    public int Factors { get; init; } = 16;

    /// <summary>Passes over the examples at most, at least 1.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>How parameters step.</summary>
    public Solver Solver { get; init; } = Solver.AdaGrad;

    /// <summary>η, above 0. Squared loss is learned in units of the targets' deviation, so that it suits any scale of them.</summary>
    public float LearningRate { get; init; } = 0.05f;

    /// <summary>How η changes from epoch to epoch.</summary>
    public RateSchedule Schedule { get; init; } = RateSchedule.Constant;

    /// <summary>L2 on linear weights, per occurrence of the feature and times the weight of the example, not negative.</summary>
    public float L2Linear { get; init; } = 0.01f;

    /// <summary>L2 on factors, per occurrence of the feature and times the weight of the example, not negative.</summary>
    public float L2Factors { get; init; } = 0.01f;

    /// <summary>L2 of fields that differ from the others, by the name of the field.</summary>
    public IReadOnlyDictionary<string, FieldL2>? L2ByField { get; init; }

    /// <summary>
    /// Of rows: whether L2 of each column is learned as parameters are, by how much the parameters of its field tell, with <see cref="L2Linear"/> and
    /// <see cref="L2Factors"/> for the first epoch. Null does so where rows are long (8 entries of value 1 and more) and nothing says L2 by field. SGD keeps
    /// nothing that it could be learned from.
    /// </summary>
    public bool? LearnsL2 { get; init; }

    /// <summary>
    /// What pulls the weights r of pairs of fields towards 1, per occurrence of the pair and times the weight of the example, not negative.
    /// They start at 1, and a run can end in a local minimum of them: to read r for what it says of the
    /// data, take 0.001 or less here, and keep the best of several seeds by holdout loss.
    /// </summary>
    public float L2FieldWeights { get; init; } = 0.01f;

    /// <summary>Standard deviation of the initial factors, above 0.</summary>
    public float InitialDeviation { get; init; } = 0.02f;

    /// <summary>What AdaGrad's sums of squared gradients start from, above 0: the larger, the gentler the first steps.</summary>
    public float InitialAccumulator { get; init; } = 3f;

    /// <summary>
    /// Of sequences: how many negatives, drawn anew for each block of rows, what was chosen is compared with; 0 for all items. Null takes all of catalogues that
    /// are small enough, and else 512.
    /// </summary>
    public int? Negatives { get; init; }

    /// <summary>
    /// Of sequences with logistic or pairwise loss: how much the negatives of a row count together, above 0. Null takes 8 for logistic loss and 1 for pairs.
    /// </summary>
    public float? NegativeWeight { get; init; }

    /// <summary>Of sequences: β, 0 to 1. Negatives are drawn in proportion to how often an item occurs, to this power.</summary>
    public float NegativeExponent { get; init; } = 0.25f;

    /// <summary>Of sequences: the share of the coordinates of a request's pooled vector that is left out in learning, 0 to below 1.</summary>
    public float Dropout { get; init; } = 0.3f;

    /// <summary>
    /// Along sequences: how often an item is taken without the features that no other item has, above all its id, 0 to below 1, so that those that it shares
    /// with others learn to speak for new items (Volkovs, Yu, Poutanen, "DropoutNet: Addressing Cold Start in Recommender Systems", NIPS 2017). It does
    /// not touch items that have only the one or only the other.
    /// </summary>
    public float IdDropout { get; init; } = 0.3f;

    /// <summary>Seed of the initial factors, the order of examples and the negatives.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Epochs without a better holdout loss after which training stops, at least 1.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>
    /// Threads to learn with, 1 to 256. With one, the same data and settings give the same model. Several share the parameters without locks (Niu et
    /// al., "Hogwild!", NIPS 2011), but
    /// for those of frequent features, of which each thread has a replica.
    /// </summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Whether the model is the same with any number of threads. Examples are then learned from in groups, all of a group scored before any is
    /// learned from, and each
    /// parameter is changed by one thread only, in the order of the examples. It costs speed.
    /// </summary>
    public bool Deterministic { get; init; }

    /// <summary>Kernel to compute with; null takes the machine's best, or what RECSERVICE_KERNEL names.</summary>
    public string? KernelName { get; init; }

    /// <summary>The length of a latent vector of a model of these settings.</summary>
    internal int VectorLengthOf(FeatureSpace space) => FactorizationModel.VectorLengthOf(Crossing, space.FieldCount, Factors);

    /// <summary>Whether a model of another crossing, but of the same loss and number of factors, has latent vectors to start from.</summary>
    public bool CanStartFrom(Crossing former) => former == Crossing.FieldAware == (Crossing == Crossing.FieldAware);

    /// <summary>
    /// Settings to start from for a loss and a solver. Those of the squared loss suit noisy ratings; those of the others suit positives with sampled
    /// negatives, whose gradients are smaller. Cleaner data want a smaller <see cref="L2Factors"/>.
    /// </summary>
    public static TrainingSettings For(Loss loss, Solver solver = Solver.AdaGrad)
    {
        var defaults = loss.Function().Defaults;
        return new()
        {
            Loss = loss,
            Factors = defaults.Factors,
            Epochs = defaults.Epochs,
            Patience = defaults.Patience,
            Solver = solver,
            LearningRate = solver switch
            {
                Solver.Sgd => defaults.SgdRate,
                Solver.AdaGrad => defaults.AdaGradRate,
                Solver.Adam => 0.002f,
            },
            L2Linear = defaults.L2Linear,
            L2Factors = defaults.L2Factors,
            InitialDeviation = defaults.InitialDeviation,
            InitialAccumulator = defaults.InitialAccumulator,
        };
    }

    /// <summary>Checks every setting.</summary>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Enum.IsDefined(Crossing), nameof(Crossing), Crossing, "a known crossing");
        Require(Enum.IsDefined(Loss), nameof(Loss), Loss, "a known loss");
        Require(Factors is >= 0 and <= 4096, nameof(Factors), Factors, "0 to 4096");
        Require(Epochs >= 1, nameof(Epochs), Epochs, "at least 1");
        Require(float.IsFinite(LearningRate) && LearningRate > 0, nameof(LearningRate), LearningRate, "above 0");
        Require(float.IsFinite(L2Linear) && L2Linear >= 0, nameof(L2Linear), L2Linear, "0 or more");
        Require(float.IsFinite(L2Factors) && L2Factors >= 0, nameof(L2Factors), L2Factors, "0 or more");
        Require(float.IsFinite(InitialDeviation) && InitialDeviation > 0, nameof(InitialDeviation), InitialDeviation, "above 0");
        Require(float.IsFinite(InitialAccumulator) && InitialAccumulator > 0, nameof(InitialAccumulator), InitialAccumulator, "above 0");
        Require(Enum.IsDefined(Solver), nameof(Solver), Solver, "a known solver");
        Require(Enum.IsDefined(Schedule), nameof(Schedule), Schedule, "a known schedule");
        Require(float.IsFinite(L2FieldWeights) && L2FieldWeights >= 0, nameof(L2FieldWeights), L2FieldWeights, "0 or more");
        Require(Threads is >= 1 and <= 256, nameof(Threads), Threads, "1 to 256");
        foreach (var (field, l2) in L2ByField ?? new Dictionary<string, FieldL2>(StringComparer.Ordinal))
        {
            Require(
                float.IsFinite(l2.Linear) && l2.Linear >= 0 && float.IsFinite(l2.Factors) && l2.Factors >= 0,
                $"{nameof(L2ByField)}['{field}']",
                l2,
                "0 or more"
            );
        }

        Require(Patience >= 1, nameof(Patience), Patience, "at least 1");
        Require(Negatives is null or (>= 0 and <= 100_000), nameof(Negatives), Negatives ?? 0, "0 to 100000");
        Require(NegativeWeight is null or (> 0 and < float.PositiveInfinity), nameof(NegativeWeight), NegativeWeight ?? 0, "above 0");
        Require(NegativeExponent is >= 0 and <= 1, nameof(NegativeExponent), NegativeExponent, "0 to 1");
        Require(Dropout is >= 0 and < 1, nameof(Dropout), Dropout, "0 to below 1");
        Require(IdDropout is >= 0 and < 1, nameof(IdDropout), IdDropout, "0 to below 1");
    }

    /// <summary>η of an epoch, 1 being the first.</summary>
    public float RateOf(int epoch) =>
        Schedule switch
        {
            RateSchedule.InverseSquareRoot => LearningRate / MathF.Sqrt(epoch),
            RateSchedule.Cosine => LearningRate * 0.5f * (1 + MathF.Cos(MathF.PI * (epoch - 1) / Epochs)),
            RateSchedule.Constant => LearningRate,
        };

    private static void Require(bool holds, string name, object value, string range)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {range}."), name);
        }
    }
}
