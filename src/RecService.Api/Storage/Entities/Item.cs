namespace RecService.Api.Storage.Entities;

internal sealed class Item
{
    public long ItemKey { get; set; }

    /// <summary>The caller's own id.</summary>
    public required string ItemId { get; set; }

    public string[] Tags { get; set; } = [];

    /// <summary>A JSON object of features: string, number, boolean or array of strings by name.</summary>
    public string Attributes { get; set; } = "{}";

    /// <summary>Whether the item may be recommended.</summary>
    public bool Available { get; set; } = true;

    /// <summary>A JSON object of the caller's, stored and returned letter by letter, never a feature.</summary>
    public string? Metadata { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
