using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

public sealed class StandardizationTests
{
    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void The_model_of_rows_scores_them_as_they_score_when_standardised(Crossing crossing)
    {
        var random = new RandomSource(1);
        var space = RandomModels.Space(4);
        var examples = Numbers(space, random, 200);
        var standardization = Standardization.Of(space, examples)!;
        var learned = RandomModels.Model(space, crossing, 5, random, scale: 0.3);

        var model = standardization.ToModelOfRows(learned);

        var scaled = standardization.Apply(examples);
        var buffer = new RowBuffer();
        for (var example = 0; example < examples.Count; example++)
        {
            var expected = RandomModels.Naive(learned, scaled.Gather(example, buffer)).Score;
            new Scorer(model).Score(examples.Blocks[0][example]).ShouldBe((float)expected, 1e-3f * Math.Max(1, (float)Math.Abs(expected)));
        }
    }

    [Fact]
    public void What_most_rows_have_gets_mean_0_and_deviation_1_and_what_few_have_a_mean_square_of_1()
    {
        var space = FeatureSpace.OfOneField(4);
        var rows = new SparseRowsBuilder(4);
        for (var row = 0; row < 100; row++)
        {
            // An age that is now and then 0 and left out, a rare amount, a share, and a number that is the same everywhere.
            rows.Add(0, 20 + row);
            if (row % 10 == 0)
            {
                rows.Add(1, 1000 + row);
            }

            rows.Add(2, row / 100f);
            rows.Add(3, 5);
            rows.EndRow();
        }

        rows.Add(2, 0.5f);
        rows.EndRow();
        var examples = new ExampleSet(rows.Build(), new float[101]);

        var standardization = Standardization.Of(space, examples)!;
        var scaled = standardization.Apply(examples);

        standardization.Columns.ShouldBe([0, 1, 3]);
        var ages = Values(scaled, 0);
        ages.Length.ShouldBe(101);
        ages.Average().ShouldBe(0, 1e-5);
        ages.Average(age => age * age).ShouldBe(1, 1e-4);
        ages[^1].ShouldBeLessThan(-1);
        Values(scaled, 1).Average(amount => amount * amount).ShouldBe(1, 1e-5);
        Values(scaled, 2).ShouldBe(Values(examples, 2));
        Values(scaled, 3).Length.ShouldBe(101);
    }

    [Fact]
    public void Rows_of_ones_and_of_shares_are_left_as_they_are()
    {
        var space = RandomModels.Space(3);
        var rows = new SparseRowsBuilder(space.ColumnCount);
        rows.Add(0, 1);
        rows.Add(7, -0.5f);
        rows.EndRow();

        Standardization.Of(space, new(rows.Build(), [1])).ShouldBeNull();
        Standardization.Of(space, new(SparseRows.FromDense(new float[,] { { 1, 0 }, { 0, 1 } }), [1, 2])).ShouldBeNull();
    }

    [Fact]
    public void Columns_that_share_a_latent_vector_are_left_as_they_are()
    {
        var space = new FeatureSpace(["a", "b"], [0, 1, 0], [0, 0, 1]);
        var rows = new SparseRowsBuilder(3);
        rows.Add(0, 30);
        rows.Add(1, 40);
        rows.Add(2, 50);
        rows.EndRow();

        Standardization.Of(space, new(rows.Build(), [1]))!.Columns.ShouldBe([2]);
    }

    [Fact]
    public void A_model_of_other_columns_is_refused()
    {
        var space = RandomModels.Space(2);
        var standardization = Standardization.Of(space, Numbers(space, new RandomSource(1), 5))!;

        Should.Throw<ArgumentException>(() => standardization.ToModelOfRows(RandomModels.Model(RandomModels.Space(3), Crossing.Plain, 2, new(1))));
    }

    /// <summary>Rows with numbers of some hundreds, of which some columns stand in all, some in few, and one twice.</summary>
    private static ExampleSet Numbers(FeatureSpace space, RandomSource random, int count)
    {
        var rows = new SparseRowsBuilder(space.ColumnCount);
        for (var row = 0; row < count; row++)
        {
            for (var column = 0; column < space.ColumnCount; column++)
            {
                if (random.NextDouble() < (column % 3 == 0 ? 0.9 : 0.1))
                {
                    rows.Add(column, column % 5 == 4 ? 1 : (float)(300 + (100 * random.NextNormal())));
                }
            }

            rows.Add(3, 7);
            rows.EndRow();
        }

        return new(rows.Build(), new float[count]);
    }

    private static float[] Values(ExampleSet examples, int column)
    {
        var values = new List<float>();
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.Blocks[0][example];
            var entry = row.Columns.IndexOf(column);
            if (entry >= 0)
            {
                values.Add(row.ValueAt(entry));
            }
        }

        return [.. values];
    }
}
