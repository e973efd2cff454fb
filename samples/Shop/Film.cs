using RecService.Client;

namespace Shop;

/// <summary>An item as the shop shows it. Title and year are metadata, which the service stores and returns as they are.</summary>
public sealed record Film(string Id, string Title, string Year, IReadOnlyList<string> Tags)
{
    /// <summary>The colour in the place of a picture, which the demo's films have none of.</summary>
    public int Hue => Id.Sum(character => character * 37) % 360;

    /// <summary>An item of the catalogue.</summary>
    public static Film From(ItemResponse item) => Of(item.ItemId, item.Metadata, item.Tags);

    /// <summary>An item that is recommended.</summary>
    public static Film From(RecommendedItem item) => Of(item.ItemId, item.Metadata, item.Tags);

    /// <summary>An item that is like another.</summary>
    public static Film From(SimilarItem item) => Of(item.ItemId, item.Metadata, item.Tags);

    private static Film Of(string id, IReadOnlyDictionary<string, object>? metadata, IReadOnlyList<string> tags) =>
        new(id, $"{metadata?.GetValueOrDefault("title") ?? id}", $"{metadata?.GetValueOrDefault("year")}", tags);
}
