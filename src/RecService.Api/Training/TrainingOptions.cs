using System.Text.Json.Serialization;
using RecService.Api.Domain;
using RecService.Api.Models;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>What a model is trained to predict.</summary>
public enum TrainingObjective
{
    /// <summary>Whether a user takes an item: logistic loss on positives and sampled negatives.</summary>
    Implicit,

    /// <summary>The value that a user gives an item: squared loss.</summary>
    Rating,

    /// <summary>Which item a user takes next, after what the user did before: softmax loss over the catalogue.</summary>
    Next,
}

/// <summary>How rows are set aside to decide early stopping and to measure the model.</summary>
public enum HoldoutKind
{
    /// <summary>By a stable hash of the user's and the item's id: the same pair is always on the same side.</summary>
    Hash,

    /// <summary>The newest rows by time.</summary>
    Newest,

    /// <summary>The newest row of each of a share of users, by a stable hash of their ids.</summary>
    NewestOfUsers,

    /// <summary>None: the configured number of epochs is trained on all rows and nothing is measured.</summary>
    None,
}

/// <summary>What of an interaction its weight goes by, beside its type.</summary>
public enum WeightSource
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Its value, such as the time that something was played for, or how many were bought.</summary>
    Value,
}

/// <summary>What one type of interaction means for training.</summary>
public sealed class InteractionTypeOptions
{
    /// <summary>Objective <c>rating</c>: the target; when absent, the interaction's own value, and rows without one are dropped.</summary>
    public double? Target { get; set; }

    /// <summary>
    /// The weight of a row; with objective <c>implicit</c> the weights of repeats add up, with <c>next</c> it also counts in histories. 0 leaves the
    /// type out. Negative: the user dislikes the item, so that it is not recommended to that user again, and training takes it for a negative.
    /// </summary>
    public double Weight { get; set; } = 1;

    /// <summary>
    /// Objectives <c>implicit</c> and <c>next</c>: by <c>Value</c>, a positive of value v counts <see cref="Weight"/> · log2(1 + v/m), with m the median of
    /// the values of the type's positives, and once without a value; up to 0 it says nothing.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public WeightSource WeightBy { get; set; }

    /// <summary>Objectives <c>implicit</c> and <c>next</c>: a row whose value is lower is no positive.</summary>
    public double? PositiveFrom { get; set; }

    /// <summary>A row whose value is at most this one is a dislike, as if the weight were negative; below <see cref="PositiveFrom"/>.</summary>
    public double? NegativeTo { get; set; }

    /// <summary>A row whose value is lower is dropped; where it is absent and values matter, it is inferred from the values that there are.</summary>
    public double? Minimum { get; set; }

    /// <summary>A row whose value is higher is dropped; inferred as the <see cref="Minimum"/> is.</summary>
    public double? Maximum { get; set; }

    /// <summary>Whether the value of an interaction is its target, or decides what it says or how much it counts.</summary>
    internal bool GoesByValue(TrainingObjective objective) =>
        objective == TrainingObjective.Rating
            ? Weight != 0 && Target is null
            : WeighsByValue(objective) || (Weight > 0 && (PositiveFrom ?? NegativeTo) is not null);

    /// <summary>Whether positives count by their value.</summary>
    internal bool WeighsByValue(TrainingObjective objective) =>
        objective != TrainingObjective.Rating && Weight > 0 && WeightBy == WeightSource.Value;

    /// <summary>What the type says to a model.</summary>
    /// <param name="type">The type as interactions spell it.</param>
    /// <param name="range">The values that are taken; null for all.</param>
    /// <param name="typicalValue">The typical value, where positives count by their value.</param>
    internal EventMeaning ToMeaning(string type, ValueRange? range, double? typicalValue) =>
        new(type, Weight, PositiveFrom, NegativeTo, range?.Minimum, range?.Maximum, typicalValue);
}

/// <summary>Section <c>Training</c> of the configuration.</summary>
public sealed class TrainingOptions
{
    /// <summary>Settings that say when, how long and how fast to train, not what.</summary>
    private static readonly string[] NotOfTheModel =
    [
        nameof(Enabled),
        nameof(Schedule),
        nameof(Interval),
        nameof(Epochs),
        nameof(Patience),
        nameof(Seed),
        nameof(Threads),
        nameof(Deterministic),
        nameof(MinimumFeatureCount),
        nameof(RankingSample),
        nameof(Gate),
        nameof(KeepModels),
        nameof(KeepRuns),
        nameof(MemoryMebibytes),
    ];

    /// <summary>Whether the schedule runs; training on demand works in any case.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>A cron expression in UTC, of five fields or with seconds (Quartz dialect); takes the place of <see cref="Interval"/>.</summary>
    public string? Schedule { get; set; }

    /// <summary>
    /// The time from the start of one run, in whichever process, to the next, when there is no <see cref="Schedule"/>; from the end of one that was
    /// cancelled. 1 second to 31 days.
    /// </summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>What to predict.</summary>
    public TrainingObjective Objective { get; set; } = TrainingObjective.Next;

    /// <summary>Which features cross.</summary>
    public Engine.Model.Crossing Interaction { get; set; } = Engine.Model.Crossing.FieldPooled;

    /// <summary>The number of latent factors k, 1 to 1,024; 16 when absent, 64 for objective <c>next</c>.</summary>
    public int? Factors { get; set; }

    /// <summary>The most epochs of a fit, 1 to 10,000.</summary>
    public int Epochs { get; set; } = 40;

    /// <summary>How parameters step down the gradient.</summary>
    public Solver Solver { get; set; } = Solver.AdaGrad;

    /// <summary>The step size, above 0; the engine's default for the objective and the solver when absent.</summary>
    public float? LearningRate { get; set; }

    /// <summary>
    /// How the step size changes from epoch to epoch; it begins anew in every fit and refit, and <c>Cosine</c> spans <see cref="Epochs"/>,
    /// or the epochs of a refit for objective <c>next</c>.
    /// </summary>
    public RateSchedule RateSchedule { get; set; } = RateSchedule.Constant;

    /// <summary>L2 regularisation of the linear weights; the engine's default when absent.</summary>
    public float? L2Linear { get; set; }

    /// <summary>L2 regularisation of the latent factors; the engine's default when absent.</summary>
    public float? L2Factors { get; set; }

    /// <summary>The standard deviation of the initial factors; the engine's default when absent.</summary>
    public float? InitialDeviation { get; set; }

    /// <summary>
    /// The seed of shuffling, initialisation and negative sampling. The same data and seed give the same model, unless <see cref="WarmStart"/> makes
    /// it depend on former runs, or several <see cref="Threads"/> on their timing.
    /// </summary>
    public int Seed { get; set; } = 1;

    /// <summary>Threads to learn with, 1 to 256.</summary>
    public int Threads { get; set; } = 1;

    /// <summary>Whether the model is the same with any number of <see cref="Threads"/>, at the cost of speed.</summary>
    public bool Deterministic { get; set; }

    /// <summary>
    /// Epochs without a better holdout loss before a fit stops, at least 1; 3 when absent; for objective <c>next</c> 10, or 2 where there are millions of
    /// events.
    /// </summary>
    public int? Patience { get; set; }

    /// <summary>
    /// Objective <c>next</c>: how many of a user's newest positives are the history that counts, 1 to 10,000, or 0 for a model without histories; the
    /// engine's default when absent. Part of the model.
    /// </summary>
    public int? HistoryLength { get; set; }

    /// <summary>Objective <c>next</c>: whether the ids of users are features; when absent, only of a model without histories.</summary>
    public bool? UserIds { get; set; }

    /// <summary>Objectives <c>implicit</c> and <c>next</c>: how much repeats of a user and an item count as what is to be predicted.</summary>
    public RepeatSaturation Saturation { get; set; } = RepeatSaturation.Log;

    /// <summary>
    /// Objectives <c>implicit</c> and <c>next</c>: the largest share that one user may have of the weight of an item that at least 20 users have, above 0;
    /// 1 for no limit.
    /// </summary>
    public double UserShare { get; set; } = 0.05;

    /// <summary>Objective <c>implicit</c>: sampled negatives for each positive, 1 to 100.</summary>
    public int NegativesPerPositive { get; set; } = 8;

    /// <summary>Categories that occur in fewer training rows share the <c>other</c> feature of their field. At least 1.</summary>
    public int MinimumFeatureCount { get; set; } = 1;

    /// <summary>
    /// Whether a run starts from where the last one stood, which takes fewer epochs; with <see cref="HoldoutKind.Hash"/> only, and as long as the
    /// settings of the model stay the same. The models of a long row of such runs may be worse than one that is trained from scratch.
    /// </summary>
    public bool WarmStart { get; set; }

    /// <summary>
    /// How rows are held out; when absent, <see cref="HoldoutKind.NewestOfUsers"/> for objective <c>next</c>, <see cref="HoldoutKind.Hash"/> for others.
    /// </summary>
    public HoldoutKind? Holdout { get; set; }

    /// <summary>
    /// The share of rows, or of users, held out; above 0 and at most 0.5. When absent, 0.1, but of <see cref="HoldoutKind.NewestOfUsers"/> for objective
    /// <c>next</c> a half of the users, a quarter, …, so that it is a few thousand at most.
    /// </summary>
    public double? HoldoutShare { get; set; }

    /// <summary>
    /// Whether a model that does worse on the holdout than what is simple (popularity; for ratings, biases), or than the one that is served, is stored and
    /// not served.
    /// </summary>
    public PublishGate Gate { get; set; } = PublishGate.On;

    /// <summary>The most held-out pairs that HR@10 and NDCG@10 are measured on; more are sampled. At least 1.</summary>
    public int RankingSample { get; set; } = 2_000;

    /// <summary>How many of the newest models keep their files, beside the active and the pinned ones; 1 to 1,000. The records of all stay.</summary>
    public int KeepModels { get; set; } = 10;

    /// <summary>How many of the newest runs keep their records, beside those of models that keep their files; 2 to 100,000.</summary>
    public int KeepRuns { get; set; } = 1_000;

    /// <summary>
    /// The most memory that the process may have in use, in MiB, as is estimated before a run, which is refused where it would be more; what there is on the
    /// machine or in the container when absent.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MemoryMebibytes { get; set; }

    /// <summary>
    /// What each interaction type means; types that are not listed are not trained on. Upper and lower case are the same, as in all configuration.
    /// </summary>
    /// <remarks>The defaults suit all objectives: <c>rating</c> carries a value, a <c>like</c> may be taken back by one of 0 or below,
    /// <c>impression</c> and <c>dislike</c> are no positives, and the others are of growing weight.</remarks>
    public Dictionary<string, InteractionTypeOptions> Types { get; set; } =
        new(StringComparer.OrdinalIgnoreCase)
        {
            ["view"] = new() { Weight = 1 },
            ["click"] = new() { Weight = 2 },
            ["like"] = new() { Weight = 4, NegativeTo = 0 },
            ["purchase"] = new() { Weight = 5 },
            ["rating"] = new() { Weight = 4, PositiveFrom = 4 },
            ["dislike"] = new() { Weight = -4 },
            ["impression"] = new() { Weight = 0 },
        };

    /// <summary>The settings that the engine trains with.</summary>
    public TrainingSettings ToSettings()
    {
        var defaults = TrainingSettings.For(LossOf(Objective), Solver);
        return defaults with
        {
            Crossing = Interaction,
            Factors = Factors ?? defaults.Factors,
            Epochs = Epochs,
            LearningRate = LearningRate ?? defaults.LearningRate,
            Schedule = RateSchedule,
            L2Linear = L2Linear ?? defaults.L2Linear,
            L2Factors = L2Factors ?? defaults.L2Factors,
            InitialDeviation = InitialDeviation ?? defaults.InitialDeviation,
            Seed = (ulong)Seed,
            Patience = Patience ?? defaults.Patience,
            Threads = Threads,
            Deterministic = Deterministic,
        };
    }

    /// <summary>Sets what is absent and depends on the objective, so that runs are recorded with what they were trained with.</summary>
    internal void SetDefaultsOfObjective()
    {
        var defaults = TrainingSettings.For(LossOf(Objective), Solver);
        Factors ??= defaults.Factors;
        // For objective `next`, it depends on how much there is to learn from.
        Patience ??= Objective == TrainingObjective.Next ? null : defaults.Patience;
        Holdout ??= Objective == TrainingObjective.Next ? HoldoutKind.NewestOfUsers : HoldoutKind.Hash;
        if (Objective != TrainingObjective.Next || Holdout != HoldoutKind.NewestOfUsers)
        {
            HoldoutShare ??= 0.1;
        }

        if (Objective == TrainingObjective.Next)
        {
            HistoryLength ??= new HistorySettings().Length;
            UserIds ??= HistoryLength == 0;
        }
    }

    /// <summary>What the types of interactions say.</summary>
    internal Feedback ToFeedback() =>
        new(
            Types.Select(type => new FeedbackType(
                type.Key,
                type.Value.Weight,
                type.Value.PositiveFrom,
                type.Value.NegativeTo,
                type.Value.Minimum,
                type.Value.Maximum
            ))
        );

    /// <summary>The names of the settings, as they are recorded, that differ from those of a former run and may make another model.</summary>
    internal IReadOnlyList<string> DifferencesForTraining(string formerSettings) =>
        [.. RunJson.Differences(formerSettings, RunJson.Write(this)).Except(NotOfTheModel, StringComparer.OrdinalIgnoreCase)];

    private static Loss LossOf(TrainingObjective objective) =>
        objective switch
        {
            TrainingObjective.Rating => Loss.Squared,
            TrainingObjective.Next => Loss.Softmax,
            _ => Loss.Logistic,
        };
}
