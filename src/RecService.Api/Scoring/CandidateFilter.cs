using RecService.Api.Domain;
using RecService.Api.Publishing;

namespace RecService.Api.Scoring;

/// <summary>
/// Which items a request allows: compiled once, then applied to the catalogue of a snapshot, and to what the store says of an item now.
/// </summary>
internal sealed class CandidateFilter
{
    private const int MaximumIds = 10_000;

    private readonly Condition[] _conditions;
    private readonly string[]? _onlyIds;
    private readonly string[] _exceptIds;
    private readonly IReadOnlyList<long> _exceptKeys;

    private CandidateFilter(Condition[] conditions, string[]? onlyIds, string[] exceptIds, IReadOnlyList<long> exceptKeys)
    {
        _conditions = conditions;
        _onlyIds = onlyIds;
        _exceptIds = exceptIds;
        _exceptKeys = exceptKeys;
    }

    /// <summary>Allows whatever is available.</summary>
    public static CandidateFilter None { get; } = new([new IsAvailable()], onlyIds: null, exceptIds: [], exceptKeys: []);

    /// <summary>The filter of a request; errors name its parts after <paramref name="prefix"/>.</summary>
    public static CandidateFilter Compile(FieldErrors errors, string prefix, ItemFilter? filter)
    {
        if (filter is null)
        {
            return None;
        }

        var conditions = new List<Condition>(None._conditions);
        if (filter.AnyTags is { } any)
        {
            conditions.Add(new HasTag(Features.Tags(errors, $"{prefix}anyTags", any)));
        }

        conditions.AddRange(Features.Tags(errors, $"{prefix}allTags", filter.AllTags).Select(tag => new HasTag([tag])));
        if (filter.NoTags is { } no)
        {
            conditions.Add(new HasNoTag(Features.Tags(errors, $"{prefix}noTags", no)));
        }

        RequestValidation.Ids(errors, $"{prefix}itemIds", filter.ItemIds, MaximumIds);
        RequestValidation.Ids(errors, $"{prefix}excludeItemIds", filter.ExcludeItemIds, MaximumIds);
        return new([.. conditions], filter.ItemIds, filter.ExcludeItemIds ?? [], exceptKeys: []);
    }

    /// <summary>The same without some items.</summary>
    public CandidateFilter Without(IReadOnlyCollection<long> itemKeys) => new(_conditions, _onlyIds, _exceptIds, [.. _exceptKeys, .. itemKeys]);

    /// <summary>For each item of a catalogue whether it is excluded; the array is the caller's.</summary>
    public bool[] Excluded(ItemCatalog catalog)
    {
        var excluded = new bool[catalog.Count];
        foreach (var condition in _conditions)
        {
            condition.Exclude(catalog, excluded);
        }

        if (_onlyIds is not null)
        {
            ExcludeAllBut(_onlyIds.Select(id => catalog.IndexOf(id)).OfType<int>(), excluded);
        }

        foreach (var item in _exceptIds.Select(id => catalog.IndexOf(id)).Concat(_exceptKeys.Select(key => catalog.IndexOf(key))).OfType<int>())
        {
            excluded[item] = true;
        }

        return excluded;
    }

    /// <summary>Whether an item is allowed by what may have changed since a snapshot was built, which ids do not.</summary>
    public bool Allows(ItemFacts item) => Array.TrueForAll(_conditions, condition => condition.Holds(item));

    private static void ExcludeAllBut(IEnumerable<int> items, bool[] excluded)
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

    private abstract class Condition
    {
        public abstract bool Holds(ItemFacts item);

        /// <summary>Marks the items for which it does not hold: one after the other, unless the catalogue has an index that knows.</summary>
        public virtual void Exclude(ItemCatalog catalog, bool[] excluded)
        {
            for (var i = 0; i < excluded.Length; i++)
            {
                excluded[i] |= !Holds(catalog.Items[i].Facts);
            }
        }
    }

    private sealed class IsAvailable : Condition
    {
        public override bool Holds(ItemFacts item) => item.Available;
    }

    /// <summary>Carries at least one of the tags.</summary>
    private sealed class HasTag(string[] tags) : Condition
    {
        public override bool Holds(ItemFacts item) => item.Tags.Any(tag => tags.Contains(tag, StringComparer.Ordinal));

        public override void Exclude(ItemCatalog catalog, bool[] excluded) => ExcludeAllBut(tags.SelectMany(catalog.Tagged), excluded);
    }

    private sealed class HasNoTag(string[] tags) : Condition
    {
        public override bool Holds(ItemFacts item) => !item.Tags.Any(tag => tags.Contains(tag, StringComparer.Ordinal));

        public override void Exclude(ItemCatalog catalog, bool[] excluded)
        {
            foreach (var item in tags.SelectMany(catalog.Tagged))
            {
                excluded[item] = true;
            }
        }
    }
}
