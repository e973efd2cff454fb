using System.Collections.Concurrent;

namespace RecService.Api.Publishing;

/// <summary>
/// For each tag the items that carry it, ascending. Versions share the lists of tags that nothing happened to; the list of another is copied once for all that
/// changes together. Immutable, but for the numbers of the tags, which only grow.
/// </summary>
internal sealed class TagPostings
{
    private readonly ConcurrentDictionary<string, int> _slots;
    private readonly ChunkedArray<int[]> _lists;

    private TagPostings(ConcurrentDictionary<string, int> slots, ChunkedArray<int[]> lists)
    {
        _slots = slots;
        _lists = lists;
    }

    /// <param name="tags">The tags of each item.</param>
    public TagPostings(IEnumerable<IReadOnlyList<string>> tags)
    {
        _slots = new(StringComparer.Ordinal);
        var lists = new List<List<int>>();
        foreach (var (item, ofItem) in tags.Index())
        {
            foreach (var tag in ofItem)
            {
                var slot = _slots.GetOrAdd(tag, lists.Count);
                if (slot == lists.Count)
                {
                    lists.Add([]);
                }

                // Tags that nobody checked may repeat.
                if (lists[slot] is not [.., var last] || last != item)
                {
                    lists[slot].Add(item);
                }
            }
        }

        _lists = ChunkedArray<int[]>.Of([.. lists.Select(list => list.ToArray())]);
    }

    public IReadOnlyList<int> this[string tag] => _slots.TryGetValue(tag, out var slot) && slot < _lists.Count ? _lists[slot] : [];

    /// <summary>The lists after the tags of some items have become others, each item once.</summary>
    public TagPostings With(IEnumerable<(int Item, IReadOnlyList<string> Before, IReadOnlyList<string> After)> changes)
    {
        var touched = new Dictionary<string, SortedDictionary<int, bool>>(StringComparer.Ordinal);
        foreach (var (item, before, after) in changes)
        {
            Touch(before.Except(after, StringComparer.Ordinal), item, carries: false);
            Touch(after.Except(before, StringComparer.Ordinal), item, carries: true);
        }

        if (touched.Count == 0)
        {
            return this;
        }

        var lists = _lists.Edit();
        foreach (var (tag, items) in touched)
        {
            // The slots are those of all versions, also of ones that were made and not taken.
            var slot = _slots.GetOrAdd(tag, _ => _slots.Count);
            while (lists.Count <= slot)
            {
                lists.Add([]);
            }

            lists[slot] = Merge(lists[slot], items);
        }

        return new(_slots, lists.Build());

        void Touch(IEnumerable<string> tags, int item, bool carries)
        {
            foreach (var tag in tags)
            {
                if (!touched.TryGetValue(tag, out var items))
                {
                    touched.Add(tag, items = []);
                }

                items[item] = carries;
            }
        }
    }

    private static int[] Merge(int[] list, SortedDictionary<int, bool> changes)
    {
        var merged = new List<int>(list.Length + changes.Count);
        var from = 0;
        foreach (var (item, carries) in changes)
        {
            var place = Array.BinarySearch(list, from, list.Length - from, item);
            var until = place < 0 ? ~place : place;
            merged.AddRange(list.AsSpan(from, until - from));
            from = place < 0 ? until : until + 1;
            if (carries)
            {
                merged.Add(item);
            }
        }

        merged.AddRange(list.AsSpan(from));
        return [.. merged];
    }
}
