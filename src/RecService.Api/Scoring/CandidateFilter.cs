using RecService.Api.Publishing;

namespace RecService.Api.Scoring;

/// <summary>Marks which items of a catalogue a request excludes.</summary>
internal static class CandidateFilter
{
    /// <summary>For each item of the catalogue whether it is excluded.</summary>
    public static bool[] Excluded(ItemCatalog catalog, ItemFilter? filter, IReadOnlyList<long> seenItems)
    {
        var excluded = new bool[catalog.Count];
        for (var i = 0; i < excluded.Length; i++)
        {
            excluded[i] = !catalog.Items[i].Available;
        }

        foreach (var key in seenItems)
        {
            Exclude(catalog.IndexOf(key), excluded);
        }

        if (filter is null)
        {
            return excluded;
        }

        if (filter.ItemIds is { } allowed)
        {
            KeepOnly(allowed.Select(id => catalog.IndexOf(id)).OfType<int>(), excluded);
        }

        if (filter.AnyTags is { } any)
        {
            KeepOnly(any.SelectMany(catalog.Tagged), excluded);
        }

        foreach (var tag in filter.AllTags ?? [])
        {
            KeepOnly(catalog.Tagged(tag), excluded);
        }

        foreach (var tag in filter.NoTags ?? [])
        {
            foreach (var item in catalog.Tagged(tag))
            {
                excluded[item] = true;
            }
        }
        foreach (var id in filter.ExcludeItemIds ?? [])
        {
            Exclude(catalog.IndexOf(id), excluded);
        }

        return excluded;
    }

    /// <summary>Whether an item's tags, as they are stored now, satisfy a filter.</summary>
    public static bool Allows(ItemFilter? filter, IReadOnlyList<string> tags) =>
        filter is null
        || (
            filter.AnyTags?.Any(tag => tags.Contains(tag, StringComparer.Ordinal)) != false
            && filter.AllTags?.All(tag => tags.Contains(tag, StringComparer.Ordinal)) != false
            && filter.NoTags?.Any(tag => tags.Contains(tag, StringComparer.Ordinal)) != true
        );

    private static void Exclude(int? item, bool[] excluded)
    {
        if (item is { } index)
        {
            excluded[index] = true;
        }
    }

    private static void KeepOnly(IEnumerable<int> items, bool[] excluded)
    {
        var kept = new bool[excluded.Length];
        foreach (var item in items)
        {
            kept[item] = true;
        }

        for (var i = 0; i < excluded.Length; i++)
        {
            excluded[i] |= !kept[i];
        }
    }
}
