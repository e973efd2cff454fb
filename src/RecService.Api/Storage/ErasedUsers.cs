namespace RecService.Api.Storage;

/// <summary>Users that were erased between two horizons.</summary>
internal sealed class ErasedUsers(long horizon, IReadOnlySet<UserHash> hashes)
{
    /// <summary>The later horizon.</summary>
    public long Horizon { get; } = horizon;

    /// <summary>Those of the users who are among the erased ones.</summary>
    public HashSet<string> Among(IReadOnlyList<string> userIds) =>
        hashes.Count == 0 ? [] : userIds.Where(id => hashes.Contains(UserHash.Read(Erasures.HashOf(id)))).ToHashSet(StringComparer.Ordinal);
}
