using System.Collections.Concurrent;
using RecService.Api.Storage;

namespace RecService.Api.Publishing;

/// <summary>
/// The ids of items and the index of each. Versions of a catalogue share it: it only grows, and an id keeps its index for ever, also when its item is deleted
/// and stored anew under another key. What a version does not have yet lies beyond its count. One writer at a time; any number of readers.
/// </summary>
/// <remarks>It compares indices by the ids of their items: in the order of ranked items that are alike.</remarks>
internal sealed class ItemIds : IComparer<int>
{
    private readonly Dictionary<string, int> _indexById;
    private readonly Dictionary<long, int> _indexByKey;
    private readonly ConcurrentDictionary<string, int> _laterById = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, int> _laterByKey = new();
    private readonly int _inOrder;
    private volatile string[] _ids;

    /// <param name="items">The first items, in the order of their ids.</param>
    public ItemIds(IReadOnlyList<CatalogItem> items)
    {
        _inOrder = Count = items.Count;
        _ids = new string[Count];
        _indexById = new(Count, StringComparer.Ordinal);
        _indexByKey = new(Count);
        for (var i = 0; i < Count; i++)
        {
            _ids[i] = items[i].ItemId;
            _indexById.Add(items[i].ItemId, i);
            _indexByKey.Add(items[i].ItemKey, i);
        }
    }

    /// <summary>Number of ids, the writer's.</summary>
    public int Count { get; private set; }

    public string this[int index] => _ids[index];

    /// <summary>The index of an id; beyond the count of a version that does not have it.</summary>
    public int? IndexOf(string itemId) =>
        _indexById.TryGetValue(itemId, out var index) || _laterById.TryGetValue(itemId, out index) ? index : null;

    /// <summary>The index of what has, or once had, a key.</summary>
    public int? IndexOf(long itemKey) =>
        _indexByKey.TryGetValue(itemKey, out var index) || _laterByKey.TryGetValue(itemKey, out index) ? index : null;

    /// <summary>The index of an id from now on.</summary>
    public int Add(string itemId, long itemKey)
    {
        if (IndexOf(itemId) is not { } index)
        {
            index = Count;
            if (index == _ids.Length)
            {
                var ids = new string[Math.Max(2 * index, 16)];
                _ids.CopyTo(ids, 0);
                _ids = ids;
            }

            _ids[index] = itemId;
            _laterById[itemId] = index;
            Count++;
        }

        if (IndexOf(itemKey) is null)
        {
            _laterByKey[itemKey] = index;
        }

        return index;
    }

    public int Compare(int x, int y) => x < _inOrder && y < _inOrder ? x.CompareTo(y) : CollationC.Instance.Compare(_ids[x], _ids[y]);
}
