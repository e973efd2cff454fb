using System.Collections;

namespace RecService.Api.Publishing;

/// <summary>
/// The items as they were at one moment. An item's index is its row in the model's item vectors, and is that of its id in all versions that were derived from one
/// another; a deleted item leaves its index behind, as one that is not available. Immutable, but for what versions share and only grows.
/// </summary>
internal sealed class ItemCatalog
{
    private static readonly Row Gone = new(0, new(Available: false, []));

    private readonly ItemIds _ids;
    private readonly ChunkedArray<Row> _rows;
    private readonly ChunkedArray<int> _users;
    private readonly TagPostings _tags;
    private readonly PopularityOrder _popularity;
    private readonly ulong[] _available;

    /// <param name="items">The items, in the order of their ids.</param>
    public ItemCatalog(IReadOnlyList<CatalogItem> items)
        : this(
            new ItemIds(items),
            ChunkedArray<Row>.Of([.. items.Select(item => new Row(item.ItemKey, item.Facts))]),
            ChunkedArray<int>.Of([.. items.Select(item => item.Users)]),
            new TagPostings(items.Select(item => item.Facts.Tags)),
            popularity: null,
            new ulong[Words(items.Count)],
            deleted: 0
        )
    {
        for (var i = 0; i < items.Count; i++)
        {
            SetAvailable(_available, i, items[i].Facts.Available);
        }
    }

    private ItemCatalog(
        ItemIds ids,
        ChunkedArray<Row> rows,
        ChunkedArray<int> users,
        TagPostings tags,
        PopularityOrder? popularity,
        ulong[] available,
        int deleted
    )
    {
        (_ids, _rows, _users, _tags) = (ids, rows, users, tags);
        _popularity = popularity ?? new(users, ids);
        _available = available;
        Deleted = deleted;
        Items = new ItemList(this);
    }

    public static ItemCatalog Empty { get; } = new([]);

    /// <summary>The items by index.</summary>
    public IReadOnlyList<CatalogItem> Items { get; }

    /// <summary>Indices of the items, most users first, then by id.</summary>
    public IEnumerable<int> ByPopularity => _popularity;

    /// <summary>Compares indices by the ids of their items.</summary>
    public IComparer<int> ById => _ids;

    /// <summary>Whether each item is available: bit i % 64 of word i / 64.</summary>
    public ReadOnlySpan<ulong> Available => _available;

    /// <summary>Number of indices.</summary>
    public int Count => _rows.Count;

    /// <summary>How many of them are those of deleted items.</summary>
    public int Deleted { get; }

    public int? IndexOf(string itemId) => _ids.IndexOf(itemId) is { } index && index < Count && _rows[index].Key != 0 ? index : null;

    public int? IndexOf(long itemKey) => _ids.IndexOf(itemKey) is { } index && index < Count && _rows[index].Key == itemKey ? index : null;

    /// <summary>Indices of the items that carry a tag, ascending.</summary>
    public IReadOnlyList<int> Tagged(string tag) => _tags[tag];

    /// <summary>The chunk of memory that holds an item: versions in which nothing there differs share it.</summary>
    public object ChunkOf(int index) => _rows.ChunkOf(index);

    /// <summary>The catalogue with some items stored, new ones among them, some deleted, and some with other numbers of users.</summary>
    /// <param name="stored">Each item once.</param>
    /// <param name="deleted">Keys; those that the catalogue does not have say nothing.</param>
    /// <param name="users">Users by key; likewise.</param>
    /// <returns>The catalogue, and the index of each item stored.</returns>
    public (ItemCatalog Catalog, int[] Indices) With(
        IReadOnlyList<CatalogItem> stored,
        IEnumerable<long> deleted,
        IEnumerable<KeyValuePair<long, int>> users
    )
    {
        var (rows, counts) = (_rows.Edit(), _users.Edit());
        // The tags that items had, and what has another place in the order of popularity.
        var (former, moved) = (new Dictionary<int, IReadOnlyList<string>>(), new HashSet<int>());
        // First, as an item that was deleted and stored anew has another key.
        foreach (var index in deleted.Select(IndexOf).OfType<int>())
        {
            former.Add(index, rows[index].Facts.Tags);
            rows[index] = Gone;
            SetUsers(index, 0);
        }

        int[] indices = [.. stored.Select(item => _ids.Add(item.ItemId, item.ItemKey))];
        foreach (var (index, item) in indices.Zip(stored))
        {
            // Indices in between are of items that were gone again before they were in a version.
            while (rows.Count <= index)
            {
                former.Add(rows.Count, []);
                moved.Add(rows.Count);
                rows.Add(Gone);
                counts.Add(0);
            }

            former.TryAdd(index, rows[index].Facts.Tags);
            rows[index] = new(item.ItemKey, item.Facts);
            SetUsers(index, item.Users);
        }

        foreach (var (key, number) in users)
        {
            if (_ids.IndexOf(key) is { } index && index < rows.Count && rows[index].Key == key)
            {
                SetUsers(index, number);
            }
        }

        return (Derive(rows.Build(), counts.Build(), former, moved), indices);

        void SetUsers(int index, int number)
        {
            if (counts[index] != number)
            {
                counts[index] = number;
                moved.Add(index);
            }
        }
    }

    private ItemCatalog Derive(ChunkedArray<Row> rows, ChunkedArray<int> users, Dictionary<int, IReadOnlyList<string>> former, HashSet<int> moved)
    {
        var (available, deleted) = (_available, Deleted);
        if (former.Count > 0)
        {
            Array.Resize(ref available, Words(rows.Count));
            available = ReferenceEquals(available, _available) ? [.. available] : available;
        }

        foreach (var index in former.Keys)
        {
            SetAvailable(available, index, rows[index].Facts.Available);
            deleted += (rows[index].Key == 0 ? 1 : 0) - (index < Count && _rows[index].Key == 0 ? 1 : 0);
        }

        var tags = _tags.With(former.Select(item => (item.Key, item.Value, rows[item.Key].Facts.Tags)));
        return new(_ids, rows, users, tags, _popularity.With(moved, users, _ids), available, deleted);
    }

    private static int Words(int count) => (count + 63) / 64;

    private static void SetAvailable(ulong[] words, int index, bool available)
    {
        var bit = 1UL << (index % 64);
        words[index / 64] = available ? words[index / 64] | bit : words[index / 64] & ~bit;
    }

    /// <param name="Key">The key in the store; 0 of what is deleted.</param>
    /// <param name="Facts">What filters judge it by.</param>
    private readonly record struct Row(long Key, ItemFacts Facts);

    private sealed class ItemList(ItemCatalog catalog) : IReadOnlyList<CatalogItem>
    {
        public int Count => catalog.Count;

        public CatalogItem this[int index]
        {
            get
            {
                ref readonly var row = ref catalog._rows[index];
                return new(row.Key, catalog._ids[index], row.Facts, catalog._users[index]);
            }
        }

        public IEnumerator<CatalogItem> GetEnumerator()
        {
            for (var i = 0; i < Count; i++)
            {
                yield return this[i];
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>What requests need to know of an item without asking the store.</summary>
/// <param name="ItemKey">The key in the store; 0 of what is deleted.</param>
/// <param name="ItemId">The caller's id.</param>
/// <param name="Facts">What filters judge it by.</param>
/// <param name="Users">How many users have a positive interaction with it.</param>
internal readonly record struct CatalogItem(long ItemKey, string ItemId, ItemFacts Facts, int Users);
