using RecService.Api.Training;
using RecService.Engine.Data;

namespace RecService.Api.Tests.Training;

public sealed class HoldoutTests
{
    [Fact]
    public void A_hash_holds_out_about_its_share_and_keeps_a_pair_together()
    {
        var data = Data(users: 100, items: 100, contexts: 2);

        var held = Holdout.Choose(data, new() { Holdout = HoldoutKind.Hash, HoldoutShare = 0.1 });

        // 10,000 pairs: the share's standard deviation is 0.3 %.
        (held.Count(h => h) / (double)held.Length).ShouldBe(0.1, 0.015);
        for (var r = 0; r < held.Length; r += 2)
        {
            held[r].ShouldBe(held[r + 1]);
        }
    }

    [Fact]
    public void A_pair_stays_on_its_side_when_other_users_and_items_join()
    {
        var few = Data(users: 20, items: 20, contexts: 1);
        var many = Data(users: 40, items: 30, contexts: 1);
        var options = new TrainingOptions { HoldoutShare = 0.3 };

        Pairs(few, Holdout.Choose(few, options)).ShouldBe(Pairs(many, Holdout.Choose(many, options)).Where(p => p.User < 20 && p.Item < 20));
    }

    [Fact]
    public void The_newest_pairs_are_held_out_with_all_their_rows()
    {
        var data = Data(users: 10, items: 10, contexts: 2);

        var held = Holdout.Choose(data, new() { Holdout = HoldoutKind.Newest, HoldoutShare = 0.2 });

        held.Count(h => h).ShouldBe(40);
        data.Rows.Where((_, r) => held[r]).Min(r => r.User).ShouldBe(8);
    }

    private static IEnumerable<(int User, int Item)> Pairs(Cutoff data, bool[] held) =>
        data.Rows.Where((_, r) => held[r]).Select(r => (r.User, r.Item)).ToList();

    private static Cutoff Data(int users, int items, int contexts) =>
        new()
        {
            Users = [.. Enumerable.Range(0, users).Select(u => EntityFeatures.Named($"user-{u}"))],
            Items = [.. Enumerable.Range(0, items).Select(i => EntityFeatures.Named($"item-{i}"))],
            Contexts = [.. Enumerable.Repeat(EntityFeatures.None, contexts)],
            Rows =
            [
                .. from u in Enumerable.Range(0, users)
                from i in Enumerable.Range(0, items)
                from c in Enumerable.Range(0, contexts)
                select new CutoffRow(u, i, c, 1, 1, (1000 * u) + i - c),
            ],
            Dropped = new Dictionary<string, long>(),
            At = default,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };
}
