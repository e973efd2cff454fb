using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>What an epoch came to.</summary>
/// <param name="Epoch">1 for the first.</param>
/// <param name="TrainLoss">
/// Weighted mean loss of the training examples, each before it was learned from: squared error in squared units of the target, or log loss, or that
/// of pairs; without regularisation.
/// </param>
/// <param name="HoldoutLoss">The same of the holdout after the epoch, predictions clipped to the range of the training targets; null without a
/// holdout.</param>
/// <param name="Elapsed">Time the epoch took, holdout included.</param>
/// <param name="LearningTime">Time that learning took of it.</param>
public readonly record struct EpochReport(int Epoch, double TrainLoss, double? HoldoutLoss, TimeSpan Elapsed, TimeSpan LearningTime)
{
    /// <summary>How the holdout's items came out among all items; of <see cref="Sequences.SequenceTrainer"/> with a holdout only.</summary>
    public Sequences.HoldoutRanking? Ranking { get; init; }
}

/// <summary>What training came to.</summary>
/// <param name="Model">The model as it stood after <paramref name="BestEpoch"/>.</param>
/// <param name="BestEpoch">The epoch with the lowest holdout loss, 0 being the start: a former run, or the best constant; without a holdout, the last.</param>
/// <param name="Epochs">Every epoch that ran.</param>
public sealed record TrainingResult(FactorizationModel Model, int BestEpoch, IReadOnlyList<EpochReport> Epochs)
{
    /// <summary>Of a run that started from a former one: the holdout loss before the first epoch.</summary>
    public double? StartHoldoutLoss { get; init; }

    /// <summary>
    /// The loss of the holdout by the best constant of the training examples, their mean or share of positives, of pairs that of a coin; null without a holdout. A
    /// model above it has learned nothing that holds.
    /// </summary>
    public double? ConstantHoldoutLoss { get; init; }

    /// <summary>
    /// Whether the best epoch, or the start, did better on the holdout than the best constant by more than one standard error of the difference over its rows; null without
    /// a holdout.
    /// </summary>
    public bool? BeatsConstant { get; init; }

    /// <summary>Where a later run can start from; null unless the trainer was to keep it.</summary>
    public TrainingState? State { get; init; }
}
