using System.Collections;

namespace RecService.Api.Publishing;

/// <summary>
/// The indices of a catalogue's items, most users first, then by id. An order that was sorted once, and a short one of the items that are new or have become more
/// or less popular since, which is put in between as it is read; when that has grown, the two are merged into one. Immutable.
/// </summary>
internal sealed class PopularityOrder : IEnumerable<int>
{
    /// <summary>How many items are put in between: they are copied at each change, and merging goes over all items.</summary>
    private const int MostPatched = 4_096;

    private readonly int[] _sorted;
    private readonly HashSet<int> _patched;
    private readonly int[] _patch;
    private readonly IComparer<int> _order;

    private PopularityOrder(int[] sorted, HashSet<int> patched, int[] patch, IComparer<int> order)
    {
        _sorted = sorted;
        _patched = patched;
        _patch = patch;
        _order = order;
    }

    /// <param name="users">Users of each item, which are in the order of their ids.</param>
    /// <param name="ids">The ids.</param>
    public PopularityOrder(ChunkedArray<int> users, ItemIds ids)
        : this(new int[users.Count], [], [], new Order(users, ids))
    {
        // Both in one number, as sorting by a comparison takes many times as long.
        var keys = new long[users.Count];
        for (var item = 0; item < keys.Length; item++)
        {
            keys[item] = ((long)(int.MaxValue - users[item]) << 32) | (uint)item;
        }

        Array.Sort(keys);
        for (var place = 0; place < keys.Length; place++)
        {
            _sorted[place] = (int)keys[place];
        }
    }

    /// <summary>The order after some items have come or have other numbers of users.</summary>
    public PopularityOrder With(IReadOnlyCollection<int> changed, ChunkedArray<int> users, ItemIds ids)
    {
        if (changed.Count == 0)
        {
            return this;
        }

        var order = new Order(users, ids);
        HashSet<int> patched = [.. _patched, .. changed];
        int[] patch = [.. patched];
        Array.Sort(patch, order);
        var next = new PopularityOrder(_sorted, patched, patch, order);
        return patched.Count <= MostPatched ? next : new([.. next], [], [], order);
    }

    public IEnumerator<int> GetEnumerator()
    {
        var next = 0;
        foreach (var item in _sorted)
        {
            if (_patched.Contains(item))
            {
                continue;
            }

            for (; next < _patch.Length && _order.Compare(_patch[next], item) < 0; next++)
            {
                yield return _patch[next];
            }

            yield return item;
        }

        for (; next < _patch.Length; next++)
        {
            yield return _patch[next];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private sealed class Order(ChunkedArray<int> users, ItemIds ids) : IComparer<int>
    {
        public int Compare(int x, int y) => users[y].CompareTo(users[x]) is var byUsers && byUsers != 0 ? byUsers : ids.Compare(x, y);
    }
}
