using RecService.Api.Publishing;
using RecService.Api.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class CandidateFilterTests
{
    private static readonly ItemCatalog Catalog = new([
        new(10, "a", ["x", "y"], Available: true, Users: 0),
        new(11, "b", ["x"], Available: true, Users: 3),
        new(12, "c", ["y", "z"], Available: true, Users: 3),
        new(13, "d", [], Available: true, Users: 1),
        new(14, "e", ["x", "y", "z"], Available: false, Users: 9),
    ]);

    [Fact]
    public void Unavailable_and_seen_items_are_excluded() => Allowed(null, seen: [11, 99]).ShouldBe("acd");

    [Fact]
    public void Any_of_the_tags_suffices() => Allowed(new(["y", "z"], null, null, null, null, null)).ShouldBe("ac");

    [Fact]
    public void All_of_the_tags_are_needed() => Allowed(new(null, ["x", "y"], null, null, null, null)).ShouldBe("a");

    [Fact]
    public void None_of_the_tags_may_be_carried() => Allowed(new(null, null, ["y"], null, null, null)).ShouldBe("bd");

    [Fact]
    public void Ids_limit_and_exclude() => Allowed(new(null, null, null, ["b", "c", "e", "nobody"], ["c"], null)).ShouldBe("b");

    [Fact]
    public void An_empty_list_of_allowed_items_allows_none() => Allowed(new(null, null, null, [], null, null)).ShouldBe("");

    [Fact]
    public void Popularity_ranks_by_users_then_by_id() => string.Concat(Catalog.ByPopularity.Select(i => Catalog.Items[i].ItemId)).ShouldBe("ebcda");

    [Fact]
    public void Fresh_tags_are_judged_as_those_of_the_catalogue_are()
    {
        var filter = new ItemFilter(["x", "y"], ["y"], ["z"], null, null, null);

        foreach (var item in Catalog.Items)
        {
            CandidateFilter
                .Allows(filter, item.Tags)
                .ShouldBe(item.Available && Allowed(filter).Contains(item.ItemId, StringComparison.Ordinal), item.ItemId);
        }
    }

    private static string Allowed(ItemFilter? filter, long[]? seen = null)
    {
        var excluded = CandidateFilter.Excluded(Catalog, filter, seen ?? []);
        return string.Concat(Catalog.Items.Where((_, i) => !excluded[i]).Select(i => i.ItemId));
    }
}
