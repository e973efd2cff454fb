namespace RecService.Api.Storage.Entities;

internal sealed class Interaction
{
    public long UserKey { get; set; }

    public long InteractionKey { get; set; }

    public long ItemKey { get; set; }

    /// <summary>What happened: <c>view</c>, <c>click</c>, <c>purchase</c>, <c>rating</c>, …</summary>
    public required string Type { get; set; }

    public double? Value { get; set; }

    public DateTimeOffset OccurredAt { get; set; }

    public string[] Tags { get; set; } = [];

    /// <summary>A JSON object of features: string, number, boolean or array of strings by name.</summary>
    public string Context { get; set; } = "{}";

    /// <summary>The caller's id of this event, unique for the user; makes a retry harmless.</summary>
    public string? InteractionId { get; set; }

    /// <summary>The answer of <c>recommendations</c> that this event follows.</summary>
    public string? RecommendationId { get; set; }

    public DateTimeOffset ReceivedAt { get; set; }
}
