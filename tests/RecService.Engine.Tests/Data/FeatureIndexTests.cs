using RecService.Engine.Data;

namespace RecService.Engine.Tests.Data;

public sealed class FeatureIndexTests
{
    private static readonly EntityFeatures Ann = EntityFeatures.FromJson("ann", ["x", "y"], """{"age": 20, "city": "Rome", "member": true}""");
    private static readonly EntityFeatures Bob = EntityFeatures.FromJson("bob", [], """{"age": 40, "city": "Oslo"}""");
    private static readonly EntityFeatures Film = EntityFeatures.FromJson(
        "film",
        ["drama", "war"],
        """{"year": 1990, "cast": ["a", "b", "c", "d"]}"""
    );
    private static readonly EntityFeatures Phone = EntityFeatures.FromJson(null, ["drama"], """{"device": "phone"}""");

    [Fact]
    public void Features_are_named_with_their_columns()
    {
        var (space, index) = Build();

        var features = index.Features.ToList();

        features.Select(f => f.Column).Distinct().Count().ShouldBe(space.ColumnCount);
        features.Select(f => f.Field).ShouldBe(features.Select(f => space.Fields[space.ColumnFields[f.Column]]));
        features.Select(f => f.Group).Distinct().ShouldBe(features.Select(f => f.Group).Distinct().Order(StringComparer.Ordinal));
        var ann = features.Single(f => f is { Group: "user.id", Category: "ann" });
        Row(b => index.AppendUser(EntityFeatures.Named("ann"), b)).ShouldHaveSingleItem().Column.ShouldBe(ann.Column);
        var age = features.Single(f => f.Group == "user.attributes.age");
        age.Category.ShouldBeNull();
        Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], """{"age": 23}"""), b))
            .ShouldBe([(age.Column, (float)((23 - age.Mean) / age.Deviation))]);
    }

    [Fact]
    public void An_index_of_the_features_of_another_is_the_same()
    {
        var index = Build().Index;

        var same = FeatureIndex.Of(index.Features.Reverse());

        Written(same).ShouldBe(Written(index));
    }

    [Fact]
    public void Features_that_contradict_each_other_are_refused()
    {
        Should.Throw<ArgumentException>(() => FeatureIndex.Of([new(0, "tag", "a"), new(1, "tag", "a")])).Message.ShouldContain("a");
        Should.Throw<ArgumentException>(() => FeatureIndex.Of([new(0, "age", null, 1, 2), new(1, "age", null, 1, 2)])).Message.ShouldContain("'age'");
        Should.Throw<ArgumentException>(() => FeatureIndex.Of([new(0, "age", null, 1, 0)])).Message.ShouldContain("deviation 0");
        Should.Throw<ArgumentException>(() => FeatureIndex.Of([new(0, "age", null, double.NaN)])).Message.ShouldContain("mean NaN");
        Should.Throw<ArgumentException>(() => FeatureIndex.Of([new(-1, "tag", "a")])).Message.ShouldContain("-1");
    }

    [Fact]
    public void Fields_come_in_a_fixed_order_with_context_keys_behind()
    {
        var (space, _) = Build();

        space.Fields.ShouldBe(["user", "item", "tag", "context.tags", "context.device"]);
    }

    [Fact]
    public void Tags_and_array_values_weigh_one_over_the_root_of_their_number()
    {
        var (_, index) = Build();

        Row(b => index.AppendItem(Film, b)).Select(e => e.Value).Order().ShouldBe([0.5f, 0.5f, 0.5f, 0.5f, 1 / MathF.Sqrt(2), 1 / MathF.Sqrt(2), 1f]);
    }

    [Fact]
    public void A_tag_of_an_item_and_of_a_request_share_factors_but_not_weights()
    {
        var (space, index) = Build();

        var ofItem = Row(b => index.AppendItem(EntityFeatures.FromJson(null, ["war"], "{}"), b)).ShouldHaveSingleItem().Column;
        var ofRequest = Row(b => index.AppendContext(EntityFeatures.FromJson(null, ["war"], "{}"), b)).ShouldHaveSingleItem().Column;

        ofItem.ShouldNotBe(ofRequest);
        space.FactorOf(ofItem).ShouldBe(space.FactorOf(ofRequest));
        space.Fields[space.ColumnFields[ofItem]].ShouldBe("tag");
        space.Fields[space.ColumnFields[ofRequest]].ShouldBe("context.tags");
    }

    [Fact]
    public void Numbers_are_standardised_by_the_examples_they_occur_in_and_clipped()
    {
        var (_, index) = Build(annExamples: 3, bobExamples: 1);
        float Age(double age) =>
            Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], $$"""{"age": {{age}}}"""), b)).ShouldHaveSingleItem().Value;

        // mean (3·20 + 40)/4 = 25, variance (3·25 + 225)/4 = 75
        Age(20).ShouldBe((float)(-5 / Math.Sqrt(75)), 1e-6f);
        Age(40).ShouldBe((float)(15 / Math.Sqrt(75)), 1e-6f);
        Age(1e9).ShouldBe(FeatureIndex.NumericLimit);
        Age(-1e300).ShouldBe(-FeatureIndex.NumericLimit);
    }

    [Fact]
    public void One_wild_number_leaves_the_others_apart_is_clipped_and_counted_once()
    {
        var builder = new FeatureIndexBuilder();
        for (var u = 0; u < 40; u++)
        {
            builder.CountUser(EntityFeatures.FromJson($"u{u}", [], $$"""{"age": {{(u % 2 == 0 ? 20 : 60)}}, "height": {{u}}}"""), examples: 5);
        }

        builder.CountUser(EntityFeatures.FromJson("wild", [], """{"age": 19700101}"""), examples: 5);
        builder.CountContext(EntityFeatures.FromJson(null, [], """{"hour": 7}"""), examples: 100);
        builder.CountContext(EntityFeatures.FromJson(null, [], """{"hour": 8}"""), examples: 102);
        builder.CountContext(EntityFeatures.FromJson(null, [], """{"hour": 1e9}"""), examples: 3);
        var index = builder.Build(1).Index;
        float Age(double age) =>
            Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], $$"""{"age": {{age}}}"""), b)).ShouldHaveSingleItem().Value;

        Age(20).ShouldBe(-1, 1e-6f);
        Age(60).ShouldBe(1, 1e-6f);
        Age(19_700_101).ShouldBe(FeatureIndex.NumericLimit);
        builder.Clipped.ShouldBe(new Dictionary<string, long> { ["context.hour"] = 3, ["user.attributes.age"] = 1 });
    }

    [Fact]
    public void Groups_with_numbers_and_texts_are_mixed()
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(EntityFeatures.FromJson("a", ["x"], """{"age": "20", "size": 1, "member": true}"""), examples: 1);
        builder.CountUser(EntityFeatures.FromJson("b", ["x"], """{"age": 20, "size": 2, "member": 1}"""), examples: 1);
        builder.CountUser(EntityFeatures.FromJson("c", ["x"], """{"size": "1"}"""), examples: 0);
        builder.Build(1, history: true, repeat: true);

        builder.Mixed.ShouldBe(["user.attributes.age", "user.attributes.member"]);
    }

    [Fact]
    public void A_number_that_never_varies_has_no_column()
    {
        var (_, index) = Build();

        Row(b => index.AppendItem(EntityFeatures.FromJson(null, [], """{"year": 1990}"""), b)).ShouldBeEmpty();
    }

    [Fact]
    public void Rare_categories_share_the_other_column_of_their_field_and_unknown_ones_are_left_out()
    {
        var (space, index) = Build(minimumCount: 3, annExamples: 5, bobExamples: 1);

        var bob = Row(b => index.AppendUser(EntityFeatures.Named("bob"), b)).ShouldHaveSingleItem().Column;
        var oslo = Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], """{"city": "Oslo"}"""), b)).ShouldHaveSingleItem().Column;
        bob.ShouldBe(oslo);
        space.Fields[space.ColumnFields[bob]].ShouldBe("user");
        Row(b => index.AppendUser(EntityFeatures.Named("ann"), b)).ShouldHaveSingleItem().Column.ShouldNotBe(bob);
        Row(b => index.AppendUser(EntityFeatures.Named("nobody"), b)).ShouldBeEmpty();
        Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], """{"unheard": "of", "city": 7}"""), b)).ShouldBeEmpty();
    }

    [Fact]
    public void Entities_without_examples_get_no_columns()
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(Ann, 1);
        builder.CountItem(Film, 0);
        var (_, index) = builder.Build(1);

        Row(b => index.AppendItem(Film, b)).ShouldBeEmpty();
    }

    [Fact]
    public void Only_the_most_frequent_context_keys_become_fields()
    {
        var builder = new FeatureIndexBuilder();
        for (var key = 0; key < 100; key++)
        {
            builder.CountContext(EntityFeatures.FromJson(null, [], $$"""{"k{{key:D3}}": "x"}"""), 1 + key);
        }

        var (space, index) = builder.Build(1);

        space.FieldCount.ShouldBe(4 + FeatureIndexBuilder.MaximumContextFields);
        space.Fields[4].ShouldBe("context.k036");
        Row(b => index.AppendContext(EntityFeatures.FromJson(null, [], """{"k035": "x"}"""), b)).ShouldBeEmpty();
        Row(b => index.AppendContext(EntityFeatures.FromJson(null, [], """{"k099": "x"}"""), b)).ShouldHaveSingleItem();
    }

    [Fact]
    public void Booleans_are_categories()
    {
        var (_, index) = Build();

        Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], """{"member": true}"""), b)).ShouldHaveSingleItem().Value.ShouldBe(1f);
        Row(b => index.AppendUser(EntityFeatures.FromJson(null, [], """{"member": false}"""), b)).ShouldBeEmpty();
    }

    [Fact]
    public void Written_and_read_again_it_gives_the_same_rows()
    {
        var (_, index) = Build(minimumCount: 2);
        using var stream = new MemoryStream(Written(index));
        using var reader = new BinaryReader(stream);
        var again = FeatureIndex.Read(reader);

        stream.Position.ShouldBe(stream.Length);
        foreach (var user in new[] { Ann, Bob })
        {
            Row(b => again.AppendUser(user, b)).ShouldBe(Row(b => index.AppendUser(user, b)));
        }

        Row(b => again.AppendItem(Film, b)).ShouldBe(Row(b => index.AppendItem(Film, b)));
        Row(b => again.AppendContext(Phone, b)).ShouldBe(Row(b => index.AppendContext(Phone, b)));
    }

    [Fact]
    public void The_order_in_which_attributes_are_named_does_not_matter()
    {
        var (_, index) = Build();
        var turned = EntityFeatures.FromJson("ann", ["x", "y", "x"], """{"member": true, "city": "Rome", "age": 20}""");

        Row(b => index.AppendUser(turned, b)).ShouldBe(Row(b => index.AppendUser(Ann, b)));
    }

    [Theory]
    [InlineData("""{"a": null}""")]
    [InlineData("""{"a": {}}""")]
    [InlineData("""{"a": [1]}""")]
    public void Other_kinds_of_JSON_are_refused(string json) => Should.Throw<FormatException>(() => EntityFeatures.FromJson("u", [], json));

    private static (FeatureSpace Space, FeatureIndex Index) Build(int minimumCount = 1, int annExamples = 2, int bobExamples = 2)
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(Ann, annExamples);
        builder.CountUser(Bob, bobExamples);
        builder.CountItem(Film, annExamples + bobExamples);
        builder.CountContext(Phone, annExamples + bobExamples);
        return builder.Build(minimumCount);
    }

    private static byte[] Written(FeatureIndex index)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        index.Write(writer);
        return stream.ToArray();
    }

    private static List<(int Column, float Value)> Row(Action<RowBuffer> append)
    {
        var buffer = new RowBuffer();
        append(buffer);
        var entries = new List<(int, float)>();
        for (var e = 0; e < buffer.Count; e++)
        {
            entries.Add((buffer.Row.Columns[e], buffer.Row.ValueAt(e)));
        }

        return entries;
    }
}
