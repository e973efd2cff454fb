using System.ComponentModel.DataAnnotations;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Catalog;

/// <summary>What is known of an item. It replaces what was known before.</summary>
internal record ItemInput
{
    /// <summary>Tags of the item, up to 100 of 1 to 256 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>Attributes of the item: strings and booleans are categories, numbers are numeric features.</summary>
    public IReadOnlyDictionary<string, AttributeValue>? Attributes { get; init; }

    /// <summary>Whether the item may be recommended; true when absent.</summary>
    public bool? Available { get; init; }

    /// <summary>An object of up to 16 KiB, such as a title and a picture: stored and returned as it is, never a feature.</summary>
    public RawJsonObject? Metadata { get; init; }
}

/// <summary>A line of an import of items.</summary>
internal sealed record ItemLineInput : ItemInput
{
    /// <summary>The caller's own id, 1 to 256 characters, case-sensitive.</summary>
    [Required]
    public string ItemId { get; init; } = "";
}

/// <summary>An item.</summary>
/// <param name="ItemId">The caller's own id.</param>
/// <param name="Tags">Tags of the item.</param>
/// <param name="Attributes">Attributes of the item.</param>
/// <param name="Available">Whether the item may be recommended.</param>
/// <param name="Metadata">The object that was given.</param>
/// <param name="CreatedAt">When the item was first named.</param>
/// <param name="UpdatedAt">When the item last changed.</param>
internal sealed record ItemResponse(
    string ItemId,
    IReadOnlyList<string> Tags,
    IReadOnlyDictionary<string, AttributeValue> Attributes,
    bool Available,
    RawJsonObject? Metadata,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt
)
{
    public static ItemResponse From(Item item) =>
        new(
            item.ItemId,
            item.Tags,
            Features.FromJson(item.Attributes),
            item.Available,
            item.Metadata is null ? null : new RawJsonObject(item.Metadata),
            item.CreatedAt,
            item.UpdatedAt
        );
}

/// <summary>A page of items, in the order of their ids.</summary>
/// <param name="Items">The items of this page.</param>
/// <param name="NextCursor">The cursor of the next page; null on the last one.</param>
internal sealed record ItemPage(IReadOnlyList<ItemResponse> Items, string? NextCursor);
