using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation;

public sealed class BiasBaselineTests(RatingFolders folders, ITestOutputHelper output)
{
    public static TheoryData<string> Sources => new(RatingFolders.Names);

    [Fact]
    public void Without_users_of_their_own_an_items_bias_is_its_shrunken_mean()
    {
        // Every user rates once, and λ of users is so large that they have no bias. Ratings of item 0: 5, 4; of item 1: 1, 2; of item 2 none.
        var examples = Examples(4, 3, [0, 1, 2, 3], [0, 0, 1, 1], [5, 4, 1, 2]);

        var baseline = new BiasBaseline(examples, userL2: 1e12, itemL2: 2);

        baseline.Mean.ShouldBe(3);
        baseline.ItemBiases.ToArray().ShouldBe([3 / 4.0, -3 / 4.0, 0], 1e-9);
        baseline.Predict(examples).ShouldBe([3.75f, 3.75f, 2.25f, 2.25f], 1e-6);
        var scores = new float[3];
        baseline.Score(new RankingQuery(0, 0, 0), scores);
        scores.ShouldBe([0.75f, -0.75f, 0f], 1e-6);
    }

    [Fact]
    public void The_biases_are_where_the_regularised_squares_are_least()
    {
        const int Users = 12,
            Items = 9;
        const double UserL2 = 1.5,
            ItemL2 = 0.5;
        var random = new RandomSource(2);
        int[] users = [.. Enumerable.Range(0, 80).Select(_ => random.Below(Users))];
        int[] items = [.. Enumerable.Range(0, 80).Select(_ => random.Below(Items))];
        float[] targets = [.. Enumerable.Range(0, 80).Select(_ => 10 * (float)random.NextDouble())];
        float[] weights = [.. Enumerable.Range(0, 80).Select(_ => 2 * (float)random.NextDouble())];

        var baseline = new BiasBaseline(Examples(Users, Items, users, items, targets, weights), userL2: UserL2, itemL2: ItemL2);

        var mean = users.Select((_, e) => (double)weights[e] * targets[e]).Sum() / weights.Sum(w => (double)w);
        baseline.Mean.ShouldBe(mean, 1e-9);
        // The slope of the objective by each bias.
        double[] userSlopes = [.. baseline.UserBiases.ToArray().Select(bias => UserL2 * bias)];
        double[] itemSlopes = [.. baseline.ItemBiases.ToArray().Select(bias => ItemL2 * bias)];
        for (var e = 0; e < users.Length; e++)
        {
            var error = weights[e] * (targets[e] - mean - baseline.UserBiases[users[e]] - baseline.ItemBiases[items[e]]);
            userSlopes[users[e]] -= error;
            itemSlopes[items[e]] -= error;
        }

        userSlopes.Concat(itemSlopes).Max(Math.Abs).ShouldBeLessThan(0.01);
    }

    [Fact]
    public void Predictions_keep_to_the_range_of_the_targets()
    {
        // User 0 and item 0 are each one above the mean of 3.
        var baseline = new BiasBaseline(Examples(2, 2, [0, 0, 1, 1], [0, 1, 0, 1], [4, 3, 3, 2]), userL2: 0, itemL2: 0);

        baseline.Predict(0, 0).ShouldBe(4, 1e-4f);
        new BiasBaseline(Examples(2, 2, [0, 1, 0], [1, 0, 1], [4, 4, 1]), userL2: 0, itemL2: 0).Predict(1, 0).ShouldBe(4);
        new BiasBaseline(Examples(1, 1, [0], [0], [2.5f])).Predict(0, 0).ShouldBe(2.5f);
    }

    [Fact]
    public void What_has_no_biases_is_refused()
    {
        var examples = Examples(2, 2, [0, 1], [0, 1], [1, 2]);

        Should.Throw<ArgumentException>(() =>
            new BiasBaseline(
                new ExampleSet(
                    SparseRows.FromDense(
                        new float[,]
                        {
                            { 1 },
                        }
                    ),
                    [1]
                )
            )
        );
        Should.Throw<ArgumentException>(() => new BiasBaseline(examples, userBlock: 1, itemBlock: 1));
        Should.Throw<ArgumentException>(() => new BiasBaseline(Examples(2, 2, [0, 1], [0, 1], [1, 2], [0, 0])));
        Should.Throw<ArgumentOutOfRangeException>(() => new BiasBaseline(examples, userL2: -1));
        Should.Throw<ArgumentOutOfRangeException>(() => new BiasBaseline(examples, itemL2: double.NaN));
        Should.Throw<ArgumentException>(() => new BiasBaseline(examples).Predict(Examples(3, 2, [0], [0], [1])));
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Ratings_of_films_are_predicted_better_than_by_their_mean(string source)
    {
        var folder = folders.Split(source);
        var (train, test) = (Read(folder, "train"), Read(folder, "test"));

        var biases = RegressionMetrics.Measure(new BiasBaseline(train).Predict(test), test.Targets).ShouldNotBeNull();
        var mean = RegressionMetrics.MeasureConstant(train.Targets.Average(), test).ShouldNotBeNull();
        output.WriteLine(
            FormattableString.Invariant($"test RMSE {biases.Rmse:0.0000}, MAE {biases.Mae:0.0000}; by the mean {mean.Rmse:0.0000}, {mean.Mae:0.0000}")
        );

        biases.Rmse.ShouldBeLessThan(source == RatingFolders.MovieLens ? 0.89 : 0.57);
        mean.Rmse.ShouldBeGreaterThan(source == RatingFolders.MovieLens ? 1 : 0.7);
    }

    private static ExampleSet Examples(int userCount, int itemCount, int[] users, int[] items, float[] targets, float[]? weights = null) =>
        new([EmptyRows(userCount), EmptyRows(itemCount)], [users, items], targets, weights);

    private static SparseRows EmptyRows(int count)
    {
        var rows = new SparseRowsBuilder();
        for (var row = 0; row < count; row++)
        {
            rows.EndRow();
        }

        return rows.Build();
    }

    /// <summary>The examples of a file whose lines begin with the target, the column of the user and the column of the film.</summary>
    private static ExampleSet Read(string folder, string part)
    {
        const int Columns = 12_000;
        var users = new List<int>();
        var items = new List<int>();
        var targets = new List<float>();
        foreach (var line in File.ReadLines(Path.Combine(folder, part + ".libfm")))
        {
            var parts = line.Split(' ', ':');
            targets.Add(float.Parse(parts[0], CultureInfo.InvariantCulture));
            users.Add(int.Parse(parts[1], CultureInfo.InvariantCulture));
            items.Add(int.Parse(parts[3], CultureInfo.InvariantCulture));
        }

        return Examples(Columns, Columns, [.. users], [.. items], [.. targets]);
    }
}
