using RecService.Api.Training;

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

        rows.Rows([0, 1]).ShouldBe([new CutoffRow(1, 2, 0, 1, 7, 30), new CutoffRow(1, 2, 1, 1, 1, 5)]);
        rows.Dropped.ShouldBe(new Dictionary<string, long> { ["merged"] = 2 });
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
                ["type-not-mapped"] = 1,
                ["value-out-of-range"] = 1,
            }
        );
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
}
