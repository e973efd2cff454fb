using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>How a run ends that is stopped from outside, and what its record says then.</summary>
/// <remarks>
/// During a rollout, processes of two releases go by the same records: who rewords an error must go on recognising what it was before.
/// </remarks>
internal sealed record RunEnd(TrainingRunStatus Status, string Error)
{
    /// <summary>Set where the record is to say more than the log.</summary>
    public DivergedRunException? Diverged { get; init; }

    public static readonly RunEnd Cancelled = new(TrainingRunStatus.Cancelled, "The run was cancelled.");

    public static readonly RunEnd ServiceStopped = new(TrainingRunStatus.Cancelled, "The service was stopped during the run.");

    public static readonly RunEnd LockLost = new(TrainingRunStatus.Failed, "The connection that held the right to train was lost during the run.");

    /// <summary>What the next holder of the lock records, when the one before could not say anything itself.</summary>
    public static readonly RunEnd ProcessEnded = new(
        TrainingRunStatus.Failed,
        "The process ended during the run, or lost its connection to the database."
    );

    /// <summary>Whether a run was ended by what befell its process and not by what it did, so that another may succeed at once.</summary>
    public static bool WasCutOff(TrainingRun run) =>
        run.CancelRequestedAt is null && (run.Error == ServiceStopped.Error || run.Error == LockLost.Error || run.Error == ProcessEnded.Error);
}
