using RecService.Client;

namespace RecService.Cli.Demo;

/// <summary>What a demo loads. The sequences are read once each, while they are being sent.</summary>
internal sealed record DemoData
{
    public required string Name { get; init; }

    /// <summary>The user that the demo recommends for when none is named.</summary>
    public required string UserId { get; init; }

    /// <summary>The context of the demo's request.</summary>
    public IReadOnlyDictionary<string, object>? Context { get; init; }

    public IReadOnlyCollection<UserLineInput> Users { get; init; } = [];

    public required IReadOnlyCollection<ItemLineInput> Items { get; init; }

    public required IEnumerable<InteractionInput> Interactions { get; init; }

    /// <summary>How many interactions there are, for the progress bar; a guess will do.</summary>
    public required long InteractionCount { get; init; }

    /// <summary>The hit rate @10 that no model can be expected to exceed, where the truth is known.</summary>
    public double? BestHitRate { get; init; }
}
