namespace RecService.Api.Publishing;

/// <summary>
/// The items as they were when a snapshot was built, in the order of their ids. An item's index is its row in the model's item vectors.
/// </summary>
internal sealed class ItemCatalog
{
    private readonly Dictionary<string, int> _indexById;
    private readonly Dictionary<long, int> _indexByKey;
    private readonly Dictionary<string, List<int>> _itemsByTag = new(StringComparer.Ordinal);
    private readonly ulong[] _available;

    public ItemCatalog(IReadOnlyList<CatalogItem> items)
    {
        Items = items;
        _indexById = new(items.Count, StringComparer.Ordinal);
        _indexByKey = new(items.Count);
        _available = new ulong[(items.Count + 63) / 64];
        for (var i = 0; i < items.Count; i++)
        {
            _indexById.Add(items[i].ItemId, i);
            _indexByKey.Add(items[i].ItemKey, i);
            _available[i / 64] |= items[i].Facts.Available ? 1UL << (i % 64) : 0;
            foreach (var tag in items[i].Facts.Tags)
            {
                if (!_itemsByTag.TryGetValue(tag, out var tagged))
                {
                    _itemsByTag.Add(tag, tagged = []);
                }

                tagged.Add(i);
            }
        }
        ByPopularity = [.. Enumerable.Range(0, items.Count).OrderByDescending(i => items[i].Users)];
    }

    public static ItemCatalog Empty { get; } = new([]);

    /// <summary>The items, by id.</summary>
    public IReadOnlyList<CatalogItem> Items { get; }

    /// <summary>Indices of the items, most users first, then by id.</summary>
    public IReadOnlyList<int> ByPopularity { get; }

    /// <summary>Whether each item is available: bit i % 64 of word i / 64.</summary>
    public ReadOnlySpan<ulong> Available => _available;

    public int Count => Items.Count;

    public int? IndexOf(string itemId) => _indexById.TryGetValue(itemId, out var index) ? index : null;

    public int? IndexOf(long itemKey) => _indexByKey.TryGetValue(itemKey, out var index) ? index : null;

    /// <summary>Indices of the items that carry a tag.</summary>
    public IReadOnlyList<int> Tagged(string tag) => _itemsByTag.TryGetValue(tag, out var items) ? items : [];
}

/// <summary>What requests need to know of an item without asking the store.</summary>
/// <param name="ItemKey">The key in the store.</param>
/// <param name="ItemId">The caller's id.</param>
/// <param name="Facts">What filters judge it by.</param>
/// <param name="Users">How many users have interacted with it.</param>
internal sealed record CatalogItem(long ItemKey, string ItemId, ItemFacts Facts, int Users);
