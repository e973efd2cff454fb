namespace RecService.Api.Storage.Entities;

/// <summary>An API key. Its text is known to its holder alone; here is only what tells it from others.</summary>
internal sealed class ApiKey
{
    /// <summary>The order of the list.</summary>
    public long KeyId { get; set; }

    /// <summary>The public part of the key, by which it is found.</summary>
    public required string Prefix { get; set; }

    /// <summary>The SHA-256 of the key.</summary>
    public required byte[] Hash { get; set; }

    /// <summary>The SHA-256 of the key before the last rotation, which holds until <see cref="FormerExpiresAt"/>.</summary>
    public byte[]? FormerHash { get; set; }

    public DateTimeOffset? FormerExpiresAt { get; set; }

    public required string Name { get; set; }

    /// <summary>Of <c>score</c>, <c>ingest</c> and <c>admin</c>.</summary>
    public required string[] Roles { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset? RotatedAt { get; set; }

    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>Revoked keys stay as a record.</summary>
    public DateTimeOffset? RevokedAt { get; set; }
}
