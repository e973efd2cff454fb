using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Engine.Tests.Data.Histories;

public sealed class HistoryPoolingTests
{
    private static readonly EntityFeatures[] Items =
    [
        EntityFeatures.Create("a", ["red", "big"], []),
        EntityFeatures.Create("b", ["red"], []),
        EntityFeatures.Create("c", [], []),
    ];

    [Fact]
    public void What_is_stored_without_a_value_is_no_positive_of_a_type_with_a_threshold()
    {
        var settings = new HistorySettings { Types = [new("rating", Weight: 2, PositiveFrom: 4), new("view")], MeanWeight = 2 };

        settings.StoredWeightOf("rating", null).ShouldBe(0);
        settings.StoredWeightOf("rating", 4).ShouldBe(1);
        settings.StoredWeightOf("rating", 3).ShouldBe(0);
        settings.StoredWeightOf("view", null).ShouldBe(0.5f);
        settings.StoredWeightOf("click", null).ShouldBe(0);
        settings.WeightOf("rating").ShouldBe(1);
    }

    [Fact]
    public void A_history_is_its_sums()
    {
        var (index, roles) = Create(Items);
        var settings = new HistorySettings { Alpha = 0.5f, Gamma = 0.5f };

        var pooled = new HistoryPooling(settings, roles).Pool([new(0, 1, 10), new(1, 2, 20), new(2, 1, 30)]);

        var half = 1 / Math.Sqrt(2);
        var norm = 1 / Math.Sqrt(4);
        var expected = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["history.id a"] = norm,
            ["history.id b"] = 2 * norm,
            ["history.id c"] = norm,
            ["history.tags red"] = norm * (half + 2),
            ["history.tags big"] = norm * half,
            ["history.recent.id a"] = 0.25,
            ["history.recent.id b"] = 2 * 0.5,
            ["history.recent.id c"] = 1,
            ["history.recent.tags red"] = (0.25 * half) + 1,
            ["history.recent.tags big"] = 0.25 * half,
        };
        var values = Values(index, pooled);
        values.Keys.ShouldBe(expected.Keys, ignoreOrder: true);
        foreach (var (name, value) in expected)
        {
            values[name].ShouldBe(value, 1e-5, name);
        }

        pooled.Repeats.ShouldBe([new(0, (float)Math.Log(2)), new(1, (float)Math.Log(3)), new(2, (float)Math.Log(2))]);
        pooled.IsEmpty.ShouldBeFalse();
    }

    [Fact]
    public void Runs_of_an_item_count_by_the_logarithm_of_their_length()
    {
        var (index, roles) = Create(Items);
        var pooling = new HistoryPooling(new() { Alpha = 0, Gamma = 1 }, roles);

        var pooled = pooling.Pool([new(2, 1, 1), new(2, 1, 2), new(2, 1, 3), new(1, 1, 4), new(2, 1, 5)]);

        var values = Values(index, pooled);
        values["history.id c"].ShouldBe(1 + Math.Log(3) + 1, 1e-6);
        values["history.recent.id c"].ShouldBe(1 + Math.Log(3) + 1, 1e-6);
        values["history.id b"].ShouldBe(1, 1e-6);
        pooled.Repeats.Single(repeat => repeat.Item == 2).Value.ShouldBe((float)Math.Log(1 + 4));
    }

    [Fact]
    public void Time_takes_its_part_of_what_is_long_ago()
    {
        var (index, roles) = Create(Items);
        var settings = new HistorySettings
        {
            Alpha = 1,
            Gamma = 0.5f,
            RecentHalfLife = TimeSpan.FromSeconds(10),
            AgeHalfLife = TimeSpan.FromSeconds(20),
        };

        var values = Values(index, new HistoryPooling(settings, roles).Pool([new(1, 1, 0), new(2, 1, 20)], moment: 40));

        values["history.id b"].ShouldBe(0.25 / 0.75, 1e-6);
        values["history.id c"].ShouldBe(0.5 / 0.75, 1e-6);
        values["history.recent.id b"].ShouldBe(0.5 / 16, 1e-6);
        values["history.recent.id c"].ShouldBe(1.0 / 4, 1e-6);
    }

    [Fact]
    public void The_newest_count_and_what_is_unknown_is_as_if_it_were_not_there()
    {
        var (index, roles) = Create([.. Items, EntityFeatures.Create(null, ["unheard of"], [])]);
        var pooling = new HistoryPooling(new() { Length = 2, Alpha = 1, Gamma = 0.5f }, roles);

        // Item 3 has no column, −1 is no item, and a weight of 0 is no positive.
        var pooled = pooling.Pool([new(0, 1, 1), new(1, 1, 2), new(3, 1, 3), new(-1, 1, 4), new(2, 1, 5), new(0, 0, 6)]);

        var values = Values(index, pooled);
        values.Keys.ShouldNotContain("history.id a");
        values["history.id b"].ShouldBe(0.5, 1e-6);
        values["history.recent.id b"].ShouldBe(0.5, 1e-6);
        values["history.recent.id c"].ShouldBe(1, 1e-6);
        pooled.Repeats.Select(repeat => repeat.Item).ShouldBe([1, 2]);
        pooling.Pool([]).IsEmpty.ShouldBeTrue();
        pooling.Pool([new(3, 1, 1)]).ShouldBeSameAs(PooledHistory.None);
    }

    [Fact]
    public void Of_several_at_one_time_none_is_recent()
    {
        var (index, roles) = Create(Items);
        var pooling = new HistoryPooling(new(), roles);

        Values(index, pooling.Pool([new(0, 1, 7), new(1, 1, 7)])).Keys.ShouldAllBe(name => !name.StartsWith("history.recent"));
        Values(index, pooling.Pool([new(0, 1, 7)])).Keys.ShouldContain("history.recent.id a");
        Values(index, pooling.Pool([new(0, 1, 7), new(1, 1, 7), new(2, 1, 8)])).Keys.ShouldContain("history.recent.id a");
    }

    [Fact]
    public void An_item_that_the_model_has_not_counts_by_its_tags()
    {
        var (index, _) = Create(Items);
        var roles = ItemRoles.Of(index, [EntityFeatures.Create("new", ["red", "unheard of"], [])]);

        var pooled = new HistoryPooling(new() { Alpha = 1 }, roles).Pool([new(0, 1, 1)]);

        Values(index, pooled).Keys.ShouldBe(["history.tags red", "history.recent.tags red"], ignoreOrder: true);
        Values(index, pooled)["history.tags red"].ShouldBe(1 / Math.Sqrt(2), 1e-6);
    }

    [Fact]
    public void What_cannot_be_a_history_is_refused()
    {
        var (_, roles) = Create(Items);
        var pooling = new HistoryPooling(new(), roles);

        Should.Throw<ArgumentException>(() => pooling.Pool([new(3, 1, 0)])).Message.ShouldContain("item row 3 of 3");
        Should.Throw<ArgumentException>(() => pooling.Pool([new(0, -1, 0)])).Message.ShouldContain("weight -1");
        Should.Throw<ArgumentException>(() => pooling.Pool([new(0, 1, 2), new(0, 1, 1)])).Message.ShouldContain("Event 1");
        Should.Throw<ArgumentException>(() => pooling.Pool([new(0, 1, double.NaN)])).Message.ShouldContain("time NaN");
        Should.Throw<ArgumentException>(() => new HistoryPooling(new() { Length = 0 }, roles)).Message.ShouldContain("Length is 0");
        Should.Throw<ArgumentException>(() => new HistoryPooling(new() { Gamma = 1.1f }, roles)).Message.ShouldContain("Gamma is 1.1");
        Should.Throw<ArgumentException>(() => new HistoryPooling(new() { AgeHalfLife = TimeSpan.Zero }, roles)).Message.ShouldContain("AgeHalfLife");
        Should.Throw<ArgumentException>(() => new HistoryPooling(new() { Types = [new("x"), new("x")] }, roles)).Message.ShouldContain("x");
        Should.Throw<ArgumentException>(() => new HistoryPooling(new() { Types = [new("x", double.NaN)] }, roles)).Message.ShouldContain("'x'");
        Should
            .Throw<ArgumentException>(() => new HistoryPooling(new() { Types = [new("x", Maximum: double.NaN)] }, roles))
            .Message.ShouldContain("'x'");
    }

    [Fact]
    public void Types_say_what_counts_and_how_much()
    {
        var settings = new HistorySettings
        {
            MeanWeight = 2,
            Types = [new("view"), new("rating", 4, PositiveFrom: 3, NegativeTo: 1, Minimum: 0, Maximum: 5), new("dislike", -1, Maximum: 1)],
        };
        settings.Validate();

        settings.WeightOf("view").ShouldBe(0.5f);
        settings.WeightOf("rating", 3).ShouldBe(2);
        settings.WeightOf("rating", 2).ShouldBe(0);
        settings.WeightOf("dislike").ShouldBe(0);
        settings.WeightOf("other").ShouldBe(0);
        settings.MeaningOf("other").ShouldBeNull();
        settings.MeaningOf("rating")!.IsNegative(1).ShouldBeTrue();
        settings.MeaningOf("rating")!.IsNegative(2).ShouldBeFalse();
        settings.MeaningOf("dislike")!.IsNegative(null).ShouldBeTrue();
        settings.WeightOf("rating", 5).ShouldBe(2);
        settings.WeightOf("rating", 1_000).ShouldBe(0);
        settings.MeaningOf("rating")!.IsNegative(-1).ShouldBeFalse();
        settings.MeaningOf("dislike")!.IsNegative(2).ShouldBeFalse();
        new HistorySettings().WeightOf("anything").ShouldBe(1);
    }

    [Fact]
    public void Values_weigh_by_what_is_typical_of_their_type()
    {
        var settings = new HistorySettings { MeanWeight = 0.5, Types = [new("play", 2, NegativeTo: -1, TypicalValue: 30)] };
        settings.Validate();

        settings.WeightOf("play", 30).ShouldBe(4);
        settings.WeightOf("play").ShouldBe(4);
        settings.WeightOf("play", 90).ShouldBe(8);
        settings.WeightOf("play", 210).ShouldBe(12);
        settings.WeightOf("play", double.MaxValue).ShouldBeInRange(1_000, 10_000);
        settings.WeightOf("play", 0).ShouldBe(0);
        settings.WeightOf("play", -1).ShouldBe(0);
        settings.MeaningOf("play")!.IsPositive(-0.5).ShouldBeFalse();
        settings.MeaningOf("play")!.IsNegative(-0.5).ShouldBeFalse();
        settings.MeaningOf("play")!.IsNegative(-1).ShouldBeTrue();
        settings.StoredWeightOf("play", null).ShouldBe(4);
        Should.Throw<ArgumentException>(() => (settings with { Types = [new("x", TypicalValue: 0)] }).Validate()).Message.ShouldContain("TypicalValue");
    }

    private static (FeatureIndex Index, ItemRoles Roles) Create(EntityFeatures[] items)
    {
        var builder = new FeatureIndexBuilder();
        foreach (var item in Items)
        {
            builder.CountItem(item, 1);
        }

        var (space, index) = builder.Build(1, history: true, repeat: true);
        space.Fields.ShouldBe(["user", "item", "tag", "context.tags", "history", "history.recent", "repeat"]);
        // The columns of coming again share a latent vector, and no other column has it.
        var ofRepeat = index.Features.Where(feature => feature.Field == "repeat").Select(feature => space.FactorOf(feature.Column)).ToList();
        ofRepeat.Count.ShouldBe(4);
        ofRepeat.Distinct().Count().ShouldBe(1);
        index.Features.Count(feature => space.FactorOf(feature.Column) == ofRepeat[0]).ShouldBe(4);
        return (index, ItemRoles.Of(index, items));
    }

    private static Dictionary<string, double> Values(FeatureIndex index, PooledHistory pooled)
    {
        var names = index.Features.ToDictionary(feature => feature.Column, feature => $"{feature.Group} {feature.Category}");
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var e = 0; e < pooled.Row.Length; e++)
        {
            values.Add(names[pooled.Row.Columns[e]], pooled.Row.ValueAt(e));
        }

        // The row is what the entries add up to.
        foreach (var (column, value) in pooled.Entries.GroupBy(entry => entry.Column).Select(group => (group.Key, group.Sum(entry => entry.Value))))
        {
            values[names[column]].ShouldBe(value, 1e-5);
        }

        return values;
    }
}
