namespace RecService.Api.Storage.Entities;

/// <summary>A process of the service.</summary>
internal sealed class Replica
{
    public required string ReplicaId { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    public DateTimeOffset LastSeen { get; set; }

    /// <summary>The last erasure that its models in memory have been freed of.</summary>
    public long ErasureHorizon { get; set; }
}
