using Microsoft.Extensions.Options;
using RecService.Api.Scoring;
using RecService.Engine.Data;

namespace RecService.Api.Tests.Scoring;

public sealed class UserCacheTests
{
    private static readonly SeenRule Views = new(["view"], Since: null);

    [Fact]
    public void What_was_used_longest_ago_makes_room()
    {
        // Two states of a bit less than half of the memory.
        var cache = Cache(mebibytes: 1);
        foreach (var user in new[] { "a", "b" })
        {
            cache.Keep(Asked(user), State(user, items: 30_000), cache.Moment);
        }

        cache.Find(Asked("a")).ShouldNotBeNull();
        cache.Keep(Asked("c"), State("c", items: 30_000), cache.Moment);

        cache.Find(Asked("b")).ShouldBeNull();
        cache.Find(Asked("a")).ShouldNotBeNull();
        cache.Find(Asked("c")).ShouldNotBeNull();
        cache.Count.ShouldBe(2);
    }

    [Fact]
    public void One_that_is_larger_than_the_memory_is_not_kept()
    {
        var cache = Cache(mebibytes: 1);
        cache.Keep(Asked("a"), State("a", items: 1), cache.Moment);
        cache.Keep(Asked("b"), State("b", items: 70_000), cache.Moment);

        cache.Find(Asked("a")).ShouldNotBeNull();
        cache.Count.ShouldBe(1);
        var none = Cache(mebibytes: 0);
        none.Keep(Asked("a"), State("a", items: 1), none.Moment);
        none.Count.ShouldBe(0);
    }

    [Fact]
    public void What_depends_on_how_one_asks_is_kept_apart()
    {
        var cache = Cache(mebibytes: 1);
        cache.Keep(Asked("a"), State("a", items: 1), cache.Moment);

        cache.Find(Asked("a") with { Seen = new(["view", "click"], Since: null) }).ShouldBeNull();
        cache.Find(Asked("a") with { History = new() { Length = 7 } }).ShouldBeNull();
        cache.Find(Asked("a") with { Seen = Views with { Since = DateTimeOffset.UnixEpoch } }).ShouldNotBeNull();
    }

    [Fact]
    public void Whoever_has_changed_from_one_request_to_the_next_is_read_anew_until_nothing_changes()
    {
        var cache = Cache(mebibytes: 1);
        cache.Keep(Asked("a"), State("a", items: 1, version: 1), cache.Moment);
        cache.Find(Asked("a")).ShouldNotBeNull();

        cache.Keep(Asked("a"), State("a", items: 1, version: 2), cache.Moment);
        cache.Find(Asked("a")).ShouldBeNull();

        cache.Keep(Asked("a"), State("a", items: 1, version: 2), cache.Moment);
        cache.Find(Asked("a")).ShouldNotBeNull();
    }

    [Fact]
    public async Task Nothing_is_left_of_users_after_an_erasure_nor_kept_of_what_was_read_before_it()
    {
        var cache = Cache(mebibytes: 1);
        cache.Keep(Asked("a"), State("a", items: 1), cache.Moment);
        var before = cache.Moment;

        await cache.ForgetErasedAsync(CancellationToken.None);
        cache.Count.ShouldBe(0);
        cache.Keep(Asked("a"), State("a", items: 1), before);
        cache.Count.ShouldBe(0);

        cache.Keep(Asked("a"), State("a", items: 1), cache.Moment);
        cache.Count.ShouldBe(1);
    }

    [Fact]
    public void What_was_seen_before_a_moment_comes_again_as_time_passes_and_what_is_disliked_does_not()
    {
        var seen = new DateTimeOffset(2026, 3, 1, 9, 0, 0, TimeSpan.Zero);
        var state = new UserState(EntityFeatures.Named("a"), default, [1, 2, 3], [seen.UtcTicks, seen.AddHours(1).UtcTicks, UserState.Disliked], []);

        state.Since(null).LeftOutItems.ShouldBe([1, 2, 3]);
        state.Since(seen).LeftOutItems.ShouldBe([1, 2, 3]);
        state.Since(seen.AddTicks(1)).LeftOutItems.ShouldBe([2, 3]);
        state.Since(seen.AddYears(1)).LeftOutItems.ShouldBe([3]);
    }

    private static UserCache Cache(int mebibytes) => new(Options.Create(new ScoringOptions { UserCacheMebibytes = mebibytes }));

    private static AskedUser Asked(string user) => new(user, Views, History: null);

    private static UserState State(string user, int items, uint version = 1) =>
        new(EntityFeatures.Named(user), new(1, version, items, 0), new long[items], new long[items], []);
}
