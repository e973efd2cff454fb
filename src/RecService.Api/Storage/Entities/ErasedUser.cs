namespace RecService.Api.Storage.Entities;

/// <summary>That a user was erased, for models and training runs that knew the user before: <see cref="Erasures"/>.</summary>
internal sealed class ErasedUser
{
    /// <summary>The SHA-256 of the user's id in UTF-8.</summary>
    public required byte[] UserIdHash { get; set; }

    /// <summary>The number of the erasure, the last one of this user; in the order of the commits.</summary>
    public long ErasureId { get; set; }

    public DateTimeOffset ErasedAt { get; set; }
}
