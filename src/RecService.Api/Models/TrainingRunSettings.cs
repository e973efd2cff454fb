using System.ComponentModel.DataAnnotations;

namespace RecService.Api.Models;

/// <summary>The settings of a training run, as they were: of an older version those that it knew.</summary>
/// <param name="Enabled">Whether the schedule ran.</param>
/// <param name="Schedule">The cron expression, if there was one.</param>
/// <param name="Interval">The time from one run to the next, as [days.]hours:minutes:seconds.</param>
/// <param name="Objective"><c>rating</c>, <c>implicit</c> or <c>next</c>.</param>
/// <param name="Interaction">Which features cross: <c>fieldPooled</c>, <c>plain</c> or <c>fieldWeighted</c>.</param>
/// <param name="Factors">The length k of factors and cross vectors.</param>
/// <param name="Epochs">The most epochs of a fit.</param>
/// <param name="Solver">How parameters step: <c>sgd</c>, <c>adaGrad</c> or <c>adam</c>.</param>
/// <param name="LearningRate">The step size; null for the default of the objective and the solver.</param>
/// <param name="RateSchedule">How the step size changes: <c>constant</c>, <c>inverseSquareRoot</c> or <c>cosine</c>.</param>
/// <param name="L2Linear">L2 regularisation of the linear weights; null for the default of the objective.</param>
/// <param name="L2Factors">L2 regularisation of the factors; null for the default of the objective.</param>
/// <param name="InitialDeviation">The spread of the initial factors; null for the default of the objective.</param>
/// <param name="Seed">The seed of shuffling, initialisation and sampling.</param>
/// <param name="Threads">Threads that it learned with.</param>
/// <param name="Deterministic">Whether the model is the same with any number of threads.</param>
/// <param name="Patience">Epochs without a better holdout loss before a fit stops; null where it went by the number of events.</param>
/// <param name="HistoryLength">Objective <c>next</c>: how many of a user's newest positives count as history.</param>
/// <param name="UserIds">Objective <c>next</c>: whether the ids of users are features.</param>
/// <param name="Saturation">How much repeats count: <c>log</c> or <c>none</c>.</param>
/// <param name="UserShare">The largest share of one user in the weight of an item.</param>
/// <param name="NegativesPerPositive">Objective <c>implicit</c>: sampled negatives for each positive.</param>
/// <param name="MinimumFeatureCount">Rarer categories share one feature of their field.</param>
/// <param name="WarmStart">Whether it was to go on from where the last one stood.</param>
/// <param name="Holdout">What was held out: <c>hash</c>, <c>newest</c>, <c>newestOfUsers</c> or <c>none</c>.</param>
/// <param name="HoldoutShare">The share that was to be held out; null where the number of users decides.</param>
/// <param name="RankingSample">The most held-out pairs that were ranked.</param>
/// <param name="Gate">Whether a worse model is held back: <c>on</c> or <c>off</c>.</param>
/// <param name="KeepModels">How many of the newest models keep their files.</param>
/// <param name="KeepRuns">How many of the newest runs keep their records.</param>
/// <param name="MemoryMebibytes">The most memory that the process may have in use, in MiB; null for what there is.</param>
/// <param name="Types">What each type of interaction meant.</param>
internal sealed record TrainingRunSettings(
    bool? Enabled,
    string? Schedule,
    string? Interval,
    [property: AllowedValues("rating", "implicit", "next")] string? Objective,
    [property: AllowedValues("fieldPooled", "plain", "fieldWeighted")] string? Interaction,
    int? Factors,
    int? Epochs,
    [property: AllowedValues("sgd", "adaGrad", "adam")] string? Solver,
    float? LearningRate,
    [property: AllowedValues("constant", "inverseSquareRoot", "cosine")] string? RateSchedule,
    float? L2Linear,
    float? L2Factors,
    float? InitialDeviation,
    int? Seed,
    int? Threads,
    bool? Deterministic,
    int? Patience,
    int? HistoryLength,
    bool? UserIds,
    [property: AllowedValues("log", "none")] string? Saturation,
    double? UserShare,
    int? NegativesPerPositive,
    int? MinimumFeatureCount,
    bool? WarmStart,
    [property: AllowedValues("hash", "newest", "newestOfUsers", "none")] string? Holdout,
    double? HoldoutShare,
    int? RankingSample,
    [property: AllowedValues("on", "off")] string? Gate,
    int? KeepModels,
    int? KeepRuns,
    int? MemoryMebibytes,
    IReadOnlyDictionary<string, InteractionTypeSettings>? Types
)
{
    public static TrainingRunSettings From(string json) => RunJson.Read<TrainingRunSettings>(json)!;
}

/// <summary>What a type of interaction meant to a training run.</summary>
/// <param name="Weight">How much one counts; 0: left out; negative: a dislike.</param>
/// <param name="Target">Objective <c>rating</c>: the value of each; null for the interaction's own.</param>
/// <param name="WeightBy"><c>value</c> where one counts by its value; null where every value counts the same.</param>
/// <param name="PositiveFrom">Interactions with a lower value are no positives.</param>
/// <param name="NegativeTo">Interactions with this value or a lower one are dislikes.</param>
/// <param name="Minimum">Interactions with a lower value say nothing.</param>
/// <param name="Maximum">Interactions with a higher value say nothing.</param>
internal sealed record InteractionTypeSettings(
    double Weight,
    double? Target,
    [property: AllowedValues("value")] string? WeightBy,
    double? PositiveFrom,
    double? NegativeTo,
    double? Minimum,
    double? Maximum
);
