namespace RecService.Api.Storage.Entities;

internal sealed class User
{
    public long UserKey { get; set; }

    /// <summary>The caller's own id.</summary>
    public required string UserId { get; set; }

    public string[] Tags { get; set; } = [];

    /// <summary>A JSON object of features: string, number, boolean or array of strings by name.</summary>
    public string Attributes { get; set; } = "{}";

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
