namespace RecService.Api.Storage.Entities;

/// <summary>The answer to a request that may be sent again.</summary>
internal sealed class StoredIdempotencyKey
{
    /// <summary>The prefix of the caller's API key.</summary>
    public required string Caller { get; set; }

    /// <summary>The key that the caller chose.</summary>
    public required string Key { get; set; }

    /// <summary>The SHA-256 of the request's body.</summary>
    public required byte[] BodyHash { get; set; }

    /// <summary>The answer as JSON; null when nothing was stored.</summary>
    public string? Answer { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
