using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using RecService.Api.Models;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>One execution of the trainer.</summary>
/// <param name="RunId">The run's number.</param>
/// <param name="Status"><c>running</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.</param>
/// <param name="Trigger"><c>schedule</c> or <c>demand</c>.</param>
/// <param name="Objective"><c>rating</c>, <c>implicit</c> or <c>next</c>.</param>
/// <param name="StartedAt">When it started.</param>
/// <param name="FinishedAt">When it ended; null while it runs.</param>
/// <param name="Seed">The seed of shuffling, initialisation and sampling.</param>
/// <param name="Settings">The settings that it trained with.</param>
/// <param name="CutoffAt">The moment of the store that it read; later changes are for the next run.</param>
/// <param name="Rows">Rows used, and interactions dropped by reason.</param>
/// <param name="Epochs">Losses by epoch: first those of the fit, then those of the refit on all rows.</param>
/// <param name="BestEpoch">The epoch of the fit with the best holdout loss, 0 for the state that it started from; the refit runs as many, at least
/// one.</param>
/// <param name="WarmStartedFrom">The run from whose state the fit started, and the refit from that of the fit; null when both started from scratch,
/// and until the run has succeeded.</param>
/// <param name="StartHoldoutLoss">The holdout loss of that state, before the first epoch.</param>
/// <param name="Metrics">Metrics of the fit on the holdout, and what is to be told of the data; null without either.</param>
/// <param name="ModelVersion">The model that came of it.</param>
/// <param name="Published">Whether the run made its model the one that is served; null until it has succeeded.</param>
/// <param name="PublishReason">Why not, in which case the model can be activated all the same; or why it was served though little is known of
/// it.</param>
/// <param name="Error">Why it failed or was cancelled; of training that diverged, which rows may have driven it.</param>
internal sealed record TrainingRunResponse(
    long RunId,
    [property: AllowedValues("running", "succeeded", "failed", "cancelled")] string Status,
    [property: AllowedValues("schedule", "demand")] string Trigger,
    [property: AllowedValues("rating", "implicit", "next")] string Objective,
    DateTimeOffset StartedAt,
    DateTimeOffset? FinishedAt,
    long Seed,
    TrainingRunSettings Settings,
    DateTimeOffset? CutoffAt,
    TrainingRowCounts? Rows,
    IReadOnlyList<TrainingEpoch> Epochs,
    int? BestEpoch,
    long? WarmStartedFrom,
    double? StartHoldoutLoss,
    TrainingMetrics? Metrics,
    long? ModelVersion,
    bool? Published,
    string? PublishReason,
    string? Error
)
{
    public static TrainingRunResponse From(TrainingRun run) =>
        new(
            run.RunId,
            JsonNamingPolicy.CamelCase.ConvertName(run.Status.ToString()),
            JsonNamingPolicy.CamelCase.ConvertName(run.Trigger.ToString()),
            run.Objective,
            run.StartedAt,
            run.FinishedAt,
            run.Seed,
            TrainingRunSettings.From(run.Settings),
            run.CutoffAt,
            RunJson.Read<TrainingRowCounts>(run.Rows),
            RunJson.Read<TrainingEpoch[]>(run.Epochs) ?? [],
            run.BestEpoch,
            run.WarmStartedFrom,
            run.StartHoldoutLoss,
            RunJson.Read<TrainingMetrics>(run.Metrics),
            run.ModelVersion,
            run.Published,
            run.PublishReason,
            run.Error
        );
}

/// <summary>What became of the interactions of a run.</summary>
/// <param name="Used">Training rows.</param>
/// <param name="Dropped">Interactions that are no rows of their own, by reason: <c>type-not-mapped:</c> and the type (not
/// in the settings), <c>type-not-trained-on</c> (of weight 0), <c>no-value</c>, <c>value-out-of-range</c> (of the type),
/// <c>value-not-positive</c> (of a type that weighs by value), <c>below-positive-threshold</c>, <c>superseded</c> (a later value of the same user and item wins), <c>merged</c> (added to the weight of another
/// row).</param>
/// <param name="ValueRanges">The values that were taken, by type as the settings spell it: bounds of the settings, or inferred ones. Types that are not
/// there have no bounds.</param>
/// <param name="TypicalValues">Of types that weigh by value, the one that counts once: the median of those of the type's positives, 1 where there are none.</param>
internal sealed record TrainingRowCounts(
    long Used,
    IReadOnlyDictionary<string, long> Dropped,
    IReadOnlyDictionary<string, ValueRange>? ValueRanges = null,
    IReadOnlyDictionary<string, double>? TypicalValues = null
);

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Phase"><c>fit</c> on the rows that are not held out, or <c>refit</c> on all of them.</param>
/// <param name="TrainLoss">Mean squared error, log loss or, with objective <c>next</c>, softmax loss over the trained rows, measured in passing.</param>
/// <param name="HoldoutLoss">The same over the held-out rows; null in a refit and without a holdout.</param>
/// <param name="Seconds">Time since the phase began.</param>
/// <param name="HoldoutHitRate10">Share of the held-out rows whose item came among the first ten of all items (objective <c>next</c>).</param>
/// <param name="HoldoutNdcg10">Mean over the same of 1/log2(rank + 1), up to the tenth (objective <c>next</c>).</param>
/// <param name="HoldoutNdcg">The same whatever the rank (objective <c>next</c>): the best epoch is that of its highest mean over the last epochs.</param>
internal sealed record TrainingEpoch(
    int Epoch,
    [property: AllowedValues("fit", "refit")] string Phase,
    double TrainLoss,
    double? HoldoutLoss,
    double Seconds,
    double? HoldoutHitRate10 = null,
    double? HoldoutNdcg10 = null,
    double? HoldoutNdcg = null
);

/// <summary>A page of training runs, newest first.</summary>
/// <param name="TrainingRuns">The runs.</param>
/// <param name="NextCursor">Where the next page starts; null on the last one.</param>
/// <param name="NextTurnAt">When the next run of the schedule is due; null while a run goes on, and where the schedule does not run.</param>
internal sealed record TrainingRunPage(IReadOnlyList<TrainingRunResponse> TrainingRuns, string? NextCursor, DateTimeOffset? NextTurnAt);
