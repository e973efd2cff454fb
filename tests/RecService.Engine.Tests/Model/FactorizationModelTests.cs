using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Model;

public sealed class FactorizationModelTests
{
    private static readonly FeatureSpace Space = new(["user", "item"], [0, 1]);

    [Fact]
    public void Field_weights_are_those_given()
    {
        var model = Of(FeatureInteraction.FieldWeighted, [0, 0.5f, 0.5f, 0]);

        model.FieldWeights.ToArray().ShouldBe([0, 0.5f, 0.5f, 0]);
        model.FieldWeight(0, 1).ShouldBe(0.5f);
        model.FieldWeight(1, 1).ShouldBe(0);
        Should.Throw<ArgumentOutOfRangeException>(() => model.FieldWeight(0, 2));
        Should.Throw<ArgumentOutOfRangeException>(() => model.FieldWeight(-1, 0));
    }

    [Fact]
    public void Other_models_cross_with_weight_1_and_within_a_field_only_plain_ones_do()
    {
        foreach (var interaction in new[] { FeatureInteraction.FieldPooled, FeatureInteraction.Plain })
        {
            var model = Of(interaction, null);
            model.FieldWeights.IsEmpty.ShouldBeTrue();
            model.FieldWeight(0, 1).ShouldBe(1);
            model.FieldWeight(1, 1).ShouldBe(interaction == FeatureInteraction.Plain ? 1 : 0);
        }
    }

    [Theory]
    [InlineData(FeatureInteraction.FieldWeighted, null, "4 field weights are needed; 0")]
    [InlineData(FeatureInteraction.FieldWeighted, new float[] { 0, 1, 1 }, "4 field weights are needed; 3")]
    [InlineData(FeatureInteraction.FieldWeighted, new float[] { 0, 1, 2, 0 }, "'user' and 'item' is 1 and 2")]
    [InlineData(FeatureInteraction.FieldWeighted, new float[] { 0, 1, 1, 3 }, "'item' and 'item' is 3")]
    [InlineData(FeatureInteraction.FieldWeighted, new float[] { 0, float.NaN, float.NaN, 0 }, "NaN")]
    [InlineData(FeatureInteraction.FieldWeighted, new float[] { 0, float.PositiveInfinity, float.PositiveInfinity, 0 }, "finite")]
    [InlineData(FeatureInteraction.FieldPooled, new float[] { 0, 1, 1, 0 }, "FieldPooled")]
    [InlineData(FeatureInteraction.Plain, new float[0], "Plain")]
    public void Field_weights_that_do_not_fit_are_refused(FeatureInteraction interaction, float[]? weights, string reason)
    {
        Should.Throw<ArgumentException>(() => Of(interaction, weights)).Message.ShouldContain(reason);
    }

    [Fact]
    public void A_prediction_is_what_the_loss_makes_of_the_score()
    {
        Of(Loss.Squared).Predict(7).ShouldBe(5);
        Of(Loss.Squared).Predict(-1).ShouldBe(1);
        Of(Loss.Logistic).Predict(0).ShouldBe(0.5f);
        Of(Loss.Bpr).Predict(-70).ShouldBe(-70);
    }

    [Fact]
    public void A_feature_index_with_columns_outside_the_space_is_refused()
    {
        var index = FeatureIndex.Of([new(2, "user.id", "ann")]);

        Should
            .Throw<ArgumentException>(() =>
                new FactorizationModel(Space, FeatureInteraction.Plain, Loss.Squared, 0, 0, new float[2], [], features: index)
            )
            .Message.ShouldContain("columns up to 2");
    }

    private static FactorizationModel Of(FeatureInteraction interaction, float[]? fieldWeights) =>
        new(Space, interaction, Loss.Squared, 1, 0, new float[2], new float[2 * FactorizationKernel.Padding], fieldWeights: fieldWeights);

    private static FactorizationModel Of(Loss loss) => new(Space, FeatureInteraction.Plain, loss, 0, 0, new float[2], [], 1, 5);
}
