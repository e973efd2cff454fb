using System.ComponentModel.DataAnnotations;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Access;

/// <summary>An API key to be made.</summary>
internal sealed record ApiKeyInput
{
    public const int MaxNameLength = 100;

    /// <summary>What it is for, in 1 to 100 characters.</summary>
    public required string Name { get; init; }

    /// <summary>What it may do: one or more of <c>score</c>, <c>ingest</c> and <c>admin</c>, which holds the others too.</summary>
    [AllowedValues(Http.Roles.Score, Http.Roles.Ingest, Http.Roles.Admin)]
    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>When it ends; null: not before it is revoked.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>An API key, without its secret.</summary>
/// <param name="Prefix">The public part, which names the key.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Roles">What it may do.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="RotatedAt">When it got its present secret, if not its first one.</param>
/// <param name="FormerExpiresAt">Until when the secret before holds, too.</param>
/// <param name="ExpiresAt">When it ends by itself.</param>
/// <param name="RevokedAt">When it was revoked.</param>
internal sealed record ApiKeyResponse(
    string Prefix,
    string Name,
    [property: AllowedValues(Http.Roles.Score, Http.Roles.Ingest, Http.Roles.Admin)] IReadOnlyList<string> Roles,
    DateTimeOffset CreatedAt,
    DateTimeOffset? RotatedAt,
    DateTimeOffset? FormerExpiresAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt
)
{
    public static ApiKeyResponse From(ApiKey key) =>
        new(key.Prefix, key.Name, key.Roles, key.CreatedAt, key.RotatedAt, key.FormerExpiresAt, key.ExpiresAt, key.RevokedAt);
}

/// <summary>A new secret. No later answer shows it.</summary>
/// <param name="Key">The key to send, in the header <c>X-Api-Key</c> or as <c>Authorization: Bearer</c>.</param>
/// <param name="Record">What is stored of it.</param>
internal sealed record ApiKeySecretResponse(string Key, ApiKeyResponse Record);

/// <summary>A page of API keys, newest first.</summary>
/// <param name="ApiKeys">The keys, revoked ones among them.</param>
/// <param name="NextCursor">Where the next page starts; null on the last one.</param>
internal sealed record ApiKeyPage(IReadOnlyList<ApiKeyResponse> ApiKeys, string? NextCursor);
