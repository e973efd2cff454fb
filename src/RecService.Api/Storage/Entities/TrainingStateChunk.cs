namespace RecService.Api.Storage.Entities;

/// <summary>A slice of the state that the next training run may start from. Only one run, the last that succeeded, has any.</summary>
internal sealed class TrainingStateChunk
{
    public long RunId { get; set; }

    public int ChunkIndex { get; set; }

    public required byte[] Data { get; set; }
}
