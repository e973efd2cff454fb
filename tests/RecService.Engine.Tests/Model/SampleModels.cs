using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Model;

/// <summary>Small models for the tests of files: ten columns in five fields, with a feature index of categories and a number.</summary>
internal static class SampleModels
{
    /// <param name="crossing">Which features cross.</param>
    /// <param name="loss">What the scores mean.</param>
    /// <param name="factors">k.</param>
    /// <param name="index">Whether the model knows its features.</param>
    /// <param name="shared">Whether the tag of items and that of requests share factors.</param>
    public static FactorizationModel Create(Crossing crossing, Loss loss, int factors, bool index = true, bool shared = true)
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(EntityFeatures.FromJson("zoë 🎬", ["x", "y"], """{"age": 20, "city": "Rome"}"""), 2);
        builder.CountUser(EntityFeatures.FromJson("bob", [], """{"age": 40}"""), 1);
        builder.CountItem(EntityFeatures.FromJson("film", ["war"], """{"year": 1990}"""), 3);
        builder.CountContext(EntityFeatures.FromJson(null, ["war"], """{"device": "phone"}"""), 3);
        var (space, features) = builder.Build(1);
        if (!shared)
        {
            space = new(space.Fields, space.ColumnFields.ToArray());
        }

        var random = new RandomSource(3);
        var length = FactorizationModel.VectorLengthOf(crossing, space.FieldCount, factors);
        var stride = FactorizationModel.StrideOf(length);
        var table = new float[space.FactorCount * stride];
        for (var row = 0; row < space.FactorCount; row++)
        {
            for (var d = 0; d < length; d++)
            {
                table[(row * stride) + d] = (float)random.NextNormal();
            }
        }

        return new(
            space,
            crossing,
            loss,
            factors,
            0.1f,
            [.. Enumerable.Range(0, space.ColumnCount).Select(_ => (float)random.NextNormal())],
            table,
            0.5f,
            5,
            index ? features : null,
            crossing == Crossing.FieldWeighted ? RandomModels.FieldWeights(space.FieldCount, random) : null
        );
    }

    /// <summary>The same model with histories pooled in a way.</summary>
    public static FactorizationModel WithHistory(FactorizationModel model, HistorySettings history) =>
        new(
            model.Space,
            model.Crossing,
            model.Loss,
            model.Factors,
            model.Bias,
            [.. model.Weights],
            [.. model.FactorTable],
            model.TargetMinimum,
            model.TargetMaximum,
            model.Features,
            model.FieldWeights.IsEmpty ? null : [.. model.FieldWeights],
            history
        );

    /// <summary>The model's file: equal models have equal files.</summary>
    public static byte[] Saved(FactorizationModel model)
    {
        using var stream = new MemoryStream();
        ModelFile.Save(stream, model);
        return stream.ToArray();
    }
}
