namespace RecService.Api.Storage.Entities;

/// <summary>A slice of a model's artifact: chunks keep its size free of PostgreSQL's 1 GB ceiling for one value.</summary>
internal sealed class StoredModelChunk
{
    public long Version { get; set; }

    public int ChunkIndex { get; set; }

    public required byte[] Data { get; set; }
}
