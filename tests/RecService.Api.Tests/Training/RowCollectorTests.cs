using RecService.Api.Training;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Tests.Training;

public sealed class RowCollectorTests
{
    private static readonly Dictionary<string, InteractionTypeOptions> Types = new(StringComparer.Ordinal)
    {
        ["view"] = new() { Weight = 1 },
        ["purchase"] = new() { Weight = 5, Target = 5 },
        ["rating"] = new() { Weight = 2, PositiveFrom = 4 },
    };

    [Fact]
    public void Of_several_ratings_of_a_pair_the_last_one_wins_in_whatever_order_they_come()
    {
        var rows = new RowCollector(TrainingObjective.Rating, Types);
        rows.Add(user: 1, item: 2, context: 0, "rating", 3, time: 20, interactionKey: 2);
        rows.Add(1, 2, context: 4, "rating", 5, time: 30, interactionKey: 1);
        rows.Add(1, 2, context: 3, "rating", 1, time: 10, interactionKey: 3);
        rows.Add(1, 2, context: 1, "rating", 2, time: 30, interactionKey: 0);

        rows.Rows([0, 1, 2, 3, 4]).ShouldBe([new CutoffRow(1, 2, Context: 4, Target: 5, Weight: 2, Time: 30)]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["superseded"] = 3 });
    }

    [Fact]
    public void Repeats_of_a_positive_add_their_weights_within_a_context()
    {
        var rows = new RowCollector(TrainingObjective.Implicit, Types);
        rows.Add(1, 2, 0, "view", null, 10, 1);
        rows.Add(1, 2, 0, "purchase", null, 30, 2);
        rows.Add(1, 2, 0, "view", null, 20, 3);
        rows.Add(1, 2, 1, "view", null, 5, 4);

        rows.Rows([0, 1]).ShouldBe([new CutoffRow(1, 2, 0, 1, 7 / 3f * (1 + MathF.Log(3)), 30), new CutoffRow(1, 2, 1, 1, 1, 5)]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["merged"] = 2 });
    }

    [Theory]
    [InlineData(TrainingObjective.Implicit)]
    [InlineData(TrainingObjective.Next)]
    public void Values_weigh_where_the_type_says_so(TrainingObjective objective)
    {
        var types = new Dictionary<string, InteractionTypeOptions>(StringComparer.OrdinalIgnoreCase)
        {
            ["play"] = new() { Weight = 2, WeightBy = WeightSource.Value, NegativeTo = -10 },
            ["view"] = new() { Weight = 1 },
        };
        var typical = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase) { ["play"] = 30 };
        var rows = new RowCollector(objective, types, RepeatSaturation.Log, userShare: 1, ranges: null, typical);
        double?[] values = [30, null, 90, 0, -3, -10];
        for (var i = 0; i < values.Length; i++)
        {
            rows.Add(1, i, 0, "Play", values[i], time: i, interactionKey: i);
        }

        rows.Add(2, 0, 0, "view", 90, 1, 9);

        rows.Rows([0]).Where(row => row.Target > 0).Select(row => (row.User, row.Item, row.Weight)).ShouldBe([(1, 0, 2), (1, 1, 2), (1, 2, 4), (2, 0, 1)]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["value-not-positive"] = 2 });
    }

    [Fact]
    public void Low_ratings_are_no_positives_and_neither_are_ratings_without_a_value()
    {
        var rows = new RowCollector(TrainingObjective.Implicit, Types);
        rows.Add(1, 1, 0, "rating", 3.5, 1, 1);
        rows.Add(1, 2, 0, "rating", 4, 1, 2);
        rows.Add(1, 3, 0, "rating", null, 1, 3);

        rows.Rows([0]).Select(r => r.Item).ShouldBe([2]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["below-positive-threshold"] = 1, ["no-value"] = 1 });
    }

    [Fact]
    public void Ratings_need_a_value_unless_the_type_has_a_target()
    {
        var rows = new RowCollector(TrainingObjective.Rating, Types);
        rows.Add(1, 1, 0, "purchase", null, 1, 1);
        rows.Add(1, 2, 0, "rating", null, 1, 2);
        rows.Add(1, 3, 0, "rating", 1e300, 1, 3);
        rows.Add(1, 4, 0, "unheard-of", 3, 1, 4);

        rows.Rows([0]).ShouldBe([new CutoffRow(1, 1, 0, 5, 5, 1)]);
        rows.Dropped.ShouldBe(
            new Dictionary<string, long>
            {
                ["no-value"] = 1,
                ["type-not-mapped:unheard-of"] = 1,
                ["value-out-of-range"] = 1,
            }
        );
    }

    [Fact]
    public void Of_what_comes_next_every_positive_is_a_row_in_the_order_of_time_and_key()
    {
        var rows = new RowCollector(TrainingObjective.Next, Types);
        rows.Add(2, 1, 0, "view", null, time: 5, interactionKey: 9);
        rows.Add(1, 2, 1, "purchase", null, 20, 4);
        rows.Add(1, 2, 1, "view", null, 10, 8);
        rows.Add(1, 3, 0, "view", null, 10, 7);
        rows.Add(1, 4, 0, "rating", 3, 1, 1);

        rows.Rows([1, 0])
            .ShouldBe([
                new CutoffRow(1, 3, 1, 1, 1, 10),
                new CutoffRow(1, 2, 0, 1, 1, 10),
                new CutoffRow(1, 2, 0, 1, 5, 20, HistorySettings.SaturationOf(2)),
                new CutoffRow(2, 1, 1, 1, 1, 5),
            ]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["below-positive-threshold"] = 1 });
    }

    [Fact]
    public void Rows_come_by_user_item_and_the_new_number_of_the_context()
    {
        var rows = new RowCollector(TrainingObjective.Implicit, Types);
        rows.Add(2, 1, 0, "view", null, 1, 1);
        rows.Add(1, 9, 1, "view", null, 1, 2);
        rows.Add(1, 9, 2, "view", null, 1, 3);

        rows.Rows([0, 2, 1]).Select(r => (r.User, r.Item, r.Context)).ShouldBe([(1, 9, 1), (1, 9, 2), (2, 1, 0)]);
    }

    [Theory]
    [InlineData("dislike", null)]
    [InlineData("like", -1.0)]
    [InlineData("like", 0.0)]
    public void Dislikes_have_the_target_0_and_are_apart_where_what_comes_next_is_predicted(string type, double? value)
    {
        var types = new TrainingOptions().Types;
        var implicitly = new RowCollector(TrainingObjective.Implicit, types);
        var next = new RowCollector(TrainingObjective.Next, types);
        foreach (var rows in new[] { implicitly, next })
        {
            rows.Add(1, 1, 0, "view", null, 1, 1);
            rows.Add(1, 2, 0, type, value, 2, 2);
            rows.Add(1, 3, 0, type, value, 3, 3);
            rows.Add(1, 3, 0, "like", 1, 4, 4);
        }

        implicitly.Rows([0]).Select(r => (r.Item, r.Target, r.Weight)).ShouldBe([(1, 1, 1), (2, 0, 4), (3, 1, 4)]);
        implicitly.Dislikes().ShouldBeEmpty();
        next.Rows([0]).Select(r => (r.Item, r.Target)).ShouldBe([(1, 1), (3, 1)]);
        next.Dislikes().ShouldBe([new Dislike(1, 2, 4)]);
    }

    [Theory]
    [InlineData(TrainingObjective.Implicit)]
    [InlineData(TrainingObjective.Next)]
    [InlineData(TrainingObjective.Rating)]
    public void Values_out_of_the_range_of_their_type_are_neither_positives_nor_dislikes_nor_targets(object objective)
    {
        var types = new Dictionary<string, InteractionTypeOptions>(StringComparer.OrdinalIgnoreCase)
        {
            ["rating"] = new() { PositiveFrom = 4, NegativeTo = 1 },
        };
        var ranges = new Dictionary<string, ValueRange>(StringComparer.OrdinalIgnoreCase) { ["rating"] = new(1, 5) };
        var rows = new RowCollector((TrainingObjective)objective, types, ranges: ranges);
        rows.Add(1, 1, 0, "Rating", 5, 1, 1);
        rows.Add(1, 1, 0, "Rating", 1_000, 2, 2);
        rows.Add(1, 2, 0, "Rating", -1_000, 3, 3);

        rows.Rows([0]).Select(row => (row.Item, row.Target > 0, row.Time)).ShouldBe([(1, true, 1)]);
        rows.Dislikes().ShouldBeEmpty();
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["value-out-of-range"] = 2 });
    }

    [Fact]
    public void Impressions_say_nothing_and_are_no_slip_of_the_pen()
    {
        var rows = new RowCollector(TrainingObjective.Next, new TrainingOptions().Types);
        rows.Add(1, 1, 0, "impression", null, 1, 1);
        rows.Add(1, 1, 0, "purchse", null, 1, 2);

        rows.Rows([0]).ShouldBeEmpty();
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["type-not-mapped:purchse"] = 1, ["type-not-trained-on"] = 1 });
    }

    [Fact]
    public void Repeats_saturate_as_targets_and_count_in_full_in_histories()
    {
        var rows = new RowCollector(TrainingObjective.Next, Types);
        for (var n = 0; n < 5_000; n++)
        {
            rows.Add(1, 2, 0, "view", null, n, n);
        }

        var events = rows.Rows([0]);

        events.ShouldAllBe(row => row.Weight == 1);
        events[0].TargetWeight.ShouldBe(1);
        events.Sum(row => row.TargetWeight).ShouldBe(1 + MathF.Log(5_000), tolerance: 1e-2);
        var inFull = new RowCollector(TrainingObjective.Next, Types, RepeatSaturation.None);
        inFull.Add(1, 2, 0, "view", null, 1, 1);
        inFull.Add(1, 2, 0, "view", null, 2, 2);
        inFull.Rows([0]).Sum(row => row.TargetWeight).ShouldBe(2);
    }

    [Theory]
    [InlineData(TrainingObjective.Implicit)]
    [InlineData(TrainingObjective.Next)]
    public void No_user_has_more_than_a_share_of_an_item_that_many_have(object objective)
    {
        var rows = new RowCollector((TrainingObjective)objective, Types, RepeatSaturation.None, userShare: 0.05);
        for (var user = 0; user < 40; user++)
        {
            for (var n = 0; n < (user < 2 ? 1_000 : 1); n++)
            {
                rows.Add(user, 2, 0, "view", null, n, (user * 1_000) + n);
            }

            // Of an item with few users, each may have any share.
            if (user < 5)
            {
                rows.Add(user, 3, 0, user == 0 ? "purchase" : "view", null, 2_000, 50_000 + user);
            }
        }

        var byUser = rows.Rows([0]).GroupBy(row => (row.Item, row.User)).ToDictionary(group => group.Key, group => group.Sum(row => row.TargetWeight));

        // c = 0.05 (38 + 2 c), so c = 1.9 / 0.9.
        byUser[(2, 0)].ShouldBe(1.9f / 0.9f, tolerance: 1e-3);
        byUser[(2, 1)].ShouldBe(1.9f / 0.9f, tolerance: 1e-3);
        byUser[(2, 2)].ShouldBe(1);
        byUser[(3, 0)].ShouldBe(5);
    }
}
