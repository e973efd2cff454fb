namespace RecService.Api.Storage.Entities;

/// <summary>A row of the model registry; the artifact itself is in <see cref="StoredModelChunk"/>.</summary>
internal sealed class StoredModel
{
    public long Version { get; set; }

    public long RunId { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public required string Objective { get; set; }

    /// <summary>How fields cross: <c>fieldPooled</c>, <c>plain</c> or <c>fieldWeighted</c>.</summary>
    public required string Interaction { get; set; }

    public int Factors { get; set; }

    /// <summary>JSON: the settings of the training run.</summary>
    public required string Settings { get; set; }

    /// <summary>JSON: the metrics of the training run.</summary>
    public required string Metrics { get; set; }

    public long SizeBytes { get; set; }

    public required byte[] Sha256 { get; set; }

    /// <summary>The last erasure that the artifact has been freed of: <see cref="Erasures"/>.</summary>
    public long ErasureHorizon { get; set; }

    /// <summary>Pinned models stay loadable.</summary>
    public DateTimeOffset? PinnedAt { get; set; }

    /// <summary>When the artifact was removed; the row stays as a record.</summary>
    public DateTimeOffset? PrunedAt { get; set; }
}
