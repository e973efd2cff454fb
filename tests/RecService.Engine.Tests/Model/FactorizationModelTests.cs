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
        var model = Of(Crossing.FieldWeighted, [0, 0.5f, 0.5f, 0]);

        model.FieldWeights.ToArray().ShouldBe([0, 0.5f, 0.5f, 0]);
        model.FieldWeight(0, 1).ShouldBe(0.5f);
        model.FieldWeight(1, 1).ShouldBe(0);
        Should.Throw<ArgumentOutOfRangeException>(() => model.FieldWeight(0, 2));
        Should.Throw<ArgumentOutOfRangeException>(() => model.FieldWeight(-1, 0));
    }

    [Fact]
    public void Other_models_cross_with_weight_1_and_within_a_field_only_plain_ones_do()
    {
        foreach (var crossing in new[] { Crossing.FieldPooled, Crossing.Plain })
        {
            var model = Of(crossing, null);
            model.FieldWeights.IsEmpty.ShouldBeTrue();
            model.FieldWeight(0, 1).ShouldBe(1);
            model.FieldWeight(1, 1).ShouldBe(crossing == Crossing.Plain ? 1 : 0);
        }
    }

    [Theory]
    [InlineData(Crossing.FieldWeighted, null, "4 field weights are needed; 0")]
    [InlineData(Crossing.FieldWeighted, new float[] { 0, 1, 1 }, "4 field weights are needed; 3")]
    [InlineData(Crossing.FieldWeighted, new float[] { 0, 1, 2, 0 }, "'user' and 'item' is 1 and 2")]
    [InlineData(Crossing.FieldWeighted, new float[] { 0, 1, 1, 3 }, "'item' and 'item' is 3")]
    [InlineData(Crossing.FieldWeighted, new float[] { 0, float.NaN, float.NaN, 0 }, "NaN")]
    [InlineData(Crossing.FieldWeighted, new float[] { 0, float.PositiveInfinity, float.PositiveInfinity, 0 }, "finite")]
    [InlineData(Crossing.FieldPooled, new float[] { 0, 1, 1, 0 }, "FieldPooled")]
    [InlineData(Crossing.Plain, new float[0], "Plain")]
    public void Field_weights_that_do_not_fit_are_refused(Crossing crossing, float[]? weights, string reason)
    {
        Should.Throw<ArgumentException>(() => Of(crossing, weights)).Message.ShouldContain(reason);
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
                new FactorizationModel(Space, Crossing.Plain, Loss.Squared, 0, 0, new float[2], [], features: index)
            )
            .Message.ShouldContain("columns up to 2");
    }

    private static FactorizationModel Of(Crossing crossing, float[]? fieldWeights) =>
        new(Space, crossing, Loss.Squared, 1, 0, new float[2], new float[2 * FactorizationKernel.Padding], fieldWeights: fieldWeights);

    private static FactorizationModel Of(Loss loss) => new(Space, Crossing.Plain, loss, 0, 0, new float[2], [], 1, 5);
}
