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
        var options = new TrainingOptions { Holdout = HoldoutKind.Hash, HoldoutShare = 0.3 };

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

    [Theory]
    [InlineData(TrainingObjective.Next, 1)]
    [InlineData(TrainingObjective.Implicit, 2)]
    public void The_newest_of_a_share_of_users_is_held_out(TrainingObjective objective, int rowsEach)
    {
        var data = Data(users: 300, items: 10, contexts: 2);

        var held = Holdout.Choose(
            data,
            new()
            {
                Objective = objective,
                Holdout = HoldoutKind.NewestOfUsers,
                HoldoutShare = 0.2,
            }
        );

        var rows = data.Rows.Where((_, r) => held[r]).ToList();
        // 300 users: the share's standard deviation is 2.3 %.
        rows.Select(r => r.User).Distinct().Count().ShouldBeInRange(40, 80);
        rows.ShouldAllBe(r => r.Item == 9);
        rows.GroupBy(r => r.User).ShouldAllBe(user => user.Count() == rowsEach);
    }

    [Theory]
    [InlineData(300, 0.5)]
    [InlineData(8_000, 0.5)]
    [InlineData(8_001, 0.25)]
    [InlineData(100_000, 0.03125)]
    public void Without_a_share_it_is_of_a_few_thousand_users_at_most(int users, double share)
    {
        Holdout.ShareOf(Data(users, items: 1, contexts: 1), new() { Holdout = HoldoutKind.NewestOfUsers }).ShouldBe(share);
    }

    [Fact]
    public void Users_of_a_smaller_share_are_among_those_of_a_larger_one()
    {
        var (larger, smaller) = (Users(500), Users(9_000));

        larger.Count.ShouldBeInRange(200, 300);
        smaller.Count.ShouldBeInRange(2_000, 2_500);
        smaller.Where(user => user < 500).ShouldBeSubsetOf(larger);

        static HashSet<int> Users(int users)
        {
            var data = Data(users, items: 2, contexts: 1);
            var held = Holdout.Choose(data, new() { Objective = TrainingObjective.Next, Holdout = HoldoutKind.NewestOfUsers });
            return [.. data.Rows.Where((_, r) => held[r]).Select(row => row.User)];
        }
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
