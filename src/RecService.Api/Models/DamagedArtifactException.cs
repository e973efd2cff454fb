namespace RecService.Api.Models;

/// <summary>A stored file cannot be read.</summary>
internal sealed class DamagedArtifactException(long key, Exception innerException) : Exception(innerException.Message, innerException)
{
    public long Key { get; } = key;
}
