using RecService.Api.Domain;
using RecService.Api.Publishing;
using RecService.Api.Scoring;
using RecService.Engine.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class CandidateFilterTests
{
    private static readonly ItemCatalog Catalog = new([
        new(10, "a", new(Available: true, ["x", "y"]), Users: 0),
        new(11, "b", new(Available: true, ["x"]), Users: 3),
        new(12, "c", new(Available: true, ["y", "z"]), Users: 3),
        new(13, "d", new(Available: true, []), Users: 1),
        new(14, "e", new(Available: false, ["x", "y", "z"]), Users: 9),
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
            Compiled(filter).Allows(item.Facts).ShouldBe(Allowed(filter).Contains(item.ItemId, StringComparison.Ordinal), item.ItemId);
        }
    }

    [Fact]
    public void An_item_that_is_switched_off_by_now_is_not_allowed()
    {
        CandidateFilter.None.Allows(new(Available: true, [])).ShouldBeTrue();
        CandidateFilter.None.Allows(new(Available: false, [])).ShouldBeFalse();
    }

    [Fact]
    public void To_mark_an_item_for_one_request_changes_nothing_for_the_next()
    {
        var filter = Compiled(new(AnyTags: ["x"]));
        AllowedOf(filter).Reset(Catalog.Count);
        filter.Without([10]);

        AllowedOf(filter).ShouldBe([0, 1]);
    }

    [Fact]
    public void What_is_wrong_with_a_filter_is_named()
    {
        var errors = new FieldErrors();

        CandidateFilter.Compile(errors, "filter.", new(["\u0001"], [""], ["a", ""], [""], new string[10_001], null));

        errors
            .All.Select(error => error.Field)
            .ShouldBe(["filter.anyTags[0]", "filter.allTags[0]", "filter.noTags[1]", "filter.itemIds[0]", "filter.excludeItemIds"]);
    }

    private static string Allowed(ItemFilter? filter, long[]? seen = null)
    {
        var allowed = AllowedOf(Compiled(filter).Without(seen ?? []));
        return string.Concat(allowed.Select(item => Catalog.Items[item].ItemId));
    }

    private static ItemSet AllowedOf(CandidateFilter filter)
    {
        // What is left of other requests must not count.
        var (allowed, scratch) = (new ItemSet(100, all: true), new ItemSet(3, all: true));
        filter.Allow(Catalog, allowed, scratch);
        return allowed;
    }

    private static CandidateFilter Compiled(ItemFilter? filter)
    {
        var errors = new FieldErrors();
        var compiled = CandidateFilter.Compile(errors, "filter.", filter);
        errors.All.ShouldBeEmpty();
        return compiled;
    }
}
