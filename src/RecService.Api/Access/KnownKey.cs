using System.Security.Claims;
using System.Security.Cryptography;
using RecService.Api.Http;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Access;

/// <summary>
/// A key as requests are checked against it. Absent parts have values that no request meets, so that every check does the same work.
/// </summary>
internal sealed record KnownKey(byte[] Hash, byte[] FormerHash, DateTimeOffset FormerExpiresAt, DateTimeOffset ExpiresAt, ClaimsPrincipal Principal)
{
    private static readonly byte[] NoHash = RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes);

    /// <summary>Takes the place of a key that there is not.</summary>
    public static KnownKey Nobody { get; } = new(NoHash, NoHash, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, new());

    public static KnownKey From(ApiKey key) =>
        new(
            key.Hash,
            key.FormerHash ?? NoHash,
            key.FormerExpiresAt ?? DateTimeOffset.MinValue,
            key.ExpiresAt ?? DateTimeOffset.MaxValue,
            PrincipalOf(key.Prefix, key.Roles)
        );

    /// <summary>Whether it is still what is stored under its prefix.</summary>
    public bool IsOf(ApiKey key) =>
        Hash.AsSpan().SequenceEqual(key.Hash)
        && FormerHash.AsSpan().SequenceEqual(key.FormerHash ?? NoHash)
        && FormerExpiresAt == (key.FormerExpiresAt ?? DateTimeOffset.MinValue)
        && ExpiresAt == (key.ExpiresAt ?? DateTimeOffset.MaxValue)
        && Principal.FindAll(ClaimTypes.Role).Select(role => role.Value).SequenceEqual(key.Roles, StringComparer.Ordinal);

    public static KnownKey Configured(KeyText key) => Nobody with { Hash = key.Hash, Principal = PrincipalOf(key.Prefix, [Roles.Admin]) };

    public bool IsValidAt(DateTimeOffset now) => now < ExpiresAt;

    public bool IsAdminAt(DateTimeOffset now) => IsValidAt(now) && Principal.IsInRole(Roles.Admin);

    public bool Matches(byte[] hash, DateTimeOffset now)
    {
        // No short cuts: how long an answer takes must not tell which prefixes there are.
        var current = CryptographicOperations.FixedTimeEquals(Hash, hash);
        var former = CryptographicOperations.FixedTimeEquals(FormerHash, hash) & now < FormerExpiresAt;
        return (current | former) & now < ExpiresAt;
    }

    private static ClaimsPrincipal PrincipalOf(string prefix, IEnumerable<string> roles) =>
        new(new ClaimsIdentity([new(ClaimTypes.Name, prefix), .. roles.Select(role => new Claim(ClaimTypes.Role, role))], ApiKeyHandler.SchemeName));
}
