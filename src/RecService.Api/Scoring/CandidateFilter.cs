using RecService.Api.Domain;
using RecService.Api.Publishing;
using RecService.Engine.Scoring;

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
    private readonly IReadOnlyCollection<long>[] _exceptKeys;

    private CandidateFilter(Condition[] conditions, string[]? onlyIds, string[] exceptIds, IReadOnlyCollection<long>[] exceptKeys)
    {
        _conditions = conditions;
        _onlyIds = onlyIds;
        _exceptIds = exceptIds;
        _exceptKeys = exceptKeys;
    }

    /// <summary>Allows whatever is available.</summary>
    public static CandidateFilter None { get; } = new([], onlyIds: null, exceptIds: [], exceptKeys: []);

    /// <summary>The filter of a request; errors name its parts after <paramref name="prefix"/>.</summary>
    public static CandidateFilter Compile(FieldErrors errors, string prefix, ItemFilter? filter)
    {
        if (filter is null)
        {
            return None;
        }

        var conditions = new List<Condition>();
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
    public CandidateFilter Without(IReadOnlyCollection<long> itemKeys) =>
        itemKeys.Count == 0 ? this : new(_conditions, _onlyIds, _exceptIds, [.. _exceptKeys, itemKeys]);

    /// <summary>Fills in the items of a catalogue that are allowed.</summary>
    /// <param name="catalog">The catalogue.</param>
    /// <param name="allowed">Receives the items.</param>
    /// <param name="scratch">A set that nobody else uses meanwhile.</param>
    public void Allow(ItemCatalog catalog, ItemSet allowed, ItemSet scratch)
    {
        allowed.CopyFrom(catalog.Available, catalog.Count);
        foreach (var condition in _conditions)
        {
            condition.Restrict(catalog, allowed, scratch);
        }

        if (_onlyIds is not null)
        {
            scratch.Reset(catalog.Count);
            foreach (var item in _onlyIds.Select(id => catalog.IndexOf(id)).OfType<int>())
            {
                scratch[item] = true;
            }

            allowed.And(scratch);
        }

        foreach (var item in _exceptIds.Select(id => catalog.IndexOf(id)).OfType<int>())
        {
            allowed[item] = false;
        }

        foreach (var keys in _exceptKeys)
        {
            foreach (var key in keys)
            {
                if (catalog.IndexOf(key) is { } item)
                {
                    allowed[item] = false;
                }
            }
        }
    }

    /// <summary>Whether an item is allowed by what may have changed since a snapshot was built, which ids do not.</summary>
    public bool Allows(ItemFacts item) => item.Available && Array.TrueForAll(_conditions, condition => condition.Holds(item));

    private abstract class Condition
    {
        public abstract bool Holds(ItemFacts item);

        /// <summary>Removes the items for which it does not hold.</summary>
        public abstract void Restrict(ItemCatalog catalog, ItemSet allowed, ItemSet scratch);
    }

    /// <summary>Carries at least one of the tags.</summary>
    private sealed class HasTag(string[] tags) : Condition
    {
        public override bool Holds(ItemFacts item) => item.Tags.Any(tag => tags.Contains(tag, StringComparer.Ordinal));

        public override void Restrict(ItemCatalog catalog, ItemSet allowed, ItemSet scratch)
        {
            scratch.Reset(catalog.Count);
            foreach (var tag in tags)
            {
                scratch.Add(catalog.Tagged(tag));
            }

            allowed.And(scratch);
        }
    }

    private sealed class HasNoTag(string[] tags) : Condition
    {
        public override bool Holds(ItemFacts item) => !item.Tags.Any(tag => tags.Contains(tag, StringComparer.Ordinal));

        public override void Restrict(ItemCatalog catalog, ItemSet allowed, ItemSet scratch)
        {
            foreach (var tag in tags)
            {
                allowed.Remove(catalog.Tagged(tag));
            }
        }
    }
}
