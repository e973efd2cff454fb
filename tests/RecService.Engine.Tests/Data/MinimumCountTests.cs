using RecService.Engine.Data;

namespace RecService.Engine.Tests.Data;

public sealed class MinimumCountTests
{
    [Fact]
    public void What_occurs_as_often_as_the_minimum_has_a_column_of_its_own_and_what_is_rarer_has_not()
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(EntityFeatures.FromJson("often", [], """{"age": 20, "height": 1.6}"""), examples: 2);
        builder.CountUser(EntityFeatures.FromJson("just", [], """{"age": 30}"""), examples: 1);
        builder.CountUser(EntityFeatures.FromJson("just", [], """{"height": 1.8}"""), examples: 2);
        builder.CountUser(EntityFeatures.Named("rare"), examples: 2);
        builder.CountItem(EntityFeatures.Named("item"), examples: 3);

        var features = builder.Build(minimumCount: 3).Index.Features.ToList();

        var just = ColumnOf("user.id", "just");
        var rare = ColumnOf("user.id", "rare");
        just.ShouldNotBe(rare);
        ColumnOf("user.id", "often").ShouldBe(rare, "both are rarer than the minimum and share a column");
        features.ShouldContain(feature => feature.Group == "user.attributes.age" && feature.Category == null, "three examples have a number");
        features.ShouldContain(feature => feature.Group == "user.attributes.height" && feature.Category == null);

        int ColumnOf(string group, string category) => features.Single(feature => feature.Group == group && feature.Category == category).Column;
    }

    [Fact]
    public void A_number_that_is_rarer_than_the_minimum_is_left_out()
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(EntityFeatures.FromJson("u", [], """{"age": 20}"""), examples: 1);
        builder.CountUser(EntityFeatures.FromJson("u", [], """{"age": 30}"""), examples: 1);

        builder.Build(minimumCount: 2).Index.Features.ShouldContain(feature => feature.Group == "user.attributes.age");
        builder.Build(minimumCount: 3).Index.Features.ShouldNotContain(feature => feature.Group == "user.attributes.age");
    }
}
