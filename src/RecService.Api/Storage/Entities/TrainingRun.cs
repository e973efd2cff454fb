namespace RecService.Api.Storage.Entities;

internal enum TrainingRunStatus
{
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

internal enum TrainingRunTrigger
{
    Schedule,
    Demand,
}

internal sealed class TrainingRun
{
    public long RunId { get; set; }

    public TrainingRunStatus Status { get; set; }

    public TrainingRunTrigger Trigger { get; set; }

    /// <summary><c>rating</c> or <c>implicit</c>.</summary>
    public required string Objective { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>When somebody first asked the run to end, through whichever process; the one that executes it looks at this.</summary>
    public DateTimeOffset? CancelRequestedAt { get; set; }

    public long Seed { get; set; }

    /// <summary>JSON: the settings the run used.</summary>
    public required string Settings { get; set; }

    /// <summary>When the run read the store.</summary>
    public DateTimeOffset? CutoffAt { get; set; }

    /// <summary>The <c>pg_snapshot</c> of that read: what has changed since is told by it, not by a clock.</summary>
    public string? CutoffSnapshot { get; set; }

    /// <summary>Identifies the database of <see cref="CutoffSnapshot"/>: transaction ids mean nothing in another one.</summary>
    public string? DatabaseId { get; set; }

    /// <summary>JSON: rows used, and rows dropped by reason.</summary>
    public string? Rows { get; set; }

    /// <summary>JSON: an array with the losses of each epoch.</summary>
    public string Epochs { get; set; } = "[]";

    /// <summary>JSON: the metrics of the fit on the holdout.</summary>
    public string? Metrics { get; set; }

    public int? BestEpoch { get; set; }

    /// <summary>The run whose state the fit started from.</summary>
    public long? WarmStartedFrom { get; set; }

    /// <summary>The holdout loss of that state.</summary>
    public double? StartHoldoutLoss { get; set; }

    /// <summary>The last erasure that the state of the run has been freed of: <see cref="Erasures"/>.</summary>
    public long ErasureHorizon { get; set; }

    public long? ModelVersion { get; set; }

    /// <summary>Whether the run made its model the one that is served.</summary>
    public bool? Published { get; set; }

    /// <summary>Why not, or why it did though little is known of it.</summary>
    public string? PublishReason { get; set; }

    /// <summary>Why the run failed or was cancelled.</summary>
    public string? Error { get; set; }
}
