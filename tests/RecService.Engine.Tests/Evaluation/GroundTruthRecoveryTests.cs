using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Scoring;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Evaluation;

/// <summary>Trains on generated data, where the best attainable error is known.</summary>
public sealed class GroundTruthRecoveryTests(ITestOutputHelper output)
{
    private static readonly TrainingSettings Settings = new()
    {
        Factors = 8,
        LearningRate = 0.02f,
        L2Linear = 0.005f,
        L2Factors = 0.005f,
        Epochs = 50,
    };

    [Fact]
    public void A_trained_model_comes_within_a_twentieth_of_the_noise_floor_and_a_linear_one_does_not()
    {
        var data = new GeneratedExamples(GroundTruth.Create());

        var floor = data.Truth.NoiseDeviation;
        var biasOnly = RegressionMetrics.MeasureConstant(data.Train.Targets.Average(), data.Test).ShouldNotBeNull().Rmse;
        var linear = RegressionMetrics.Measure(data.Fit(Settings with { Factors = 0 }), data.Test).ShouldNotBeNull().Rmse;
        var crossing = RegressionMetrics.Measure(data.Fit(Settings), data.Test).ShouldNotBeNull().Rmse;
        output.WriteLine(
            $"RMSE on unseen pairs: bias only {biasOnly:F4}, linear {linear:F4}, factorization machine {crossing:F4}, noise floor {floor:F4}"
        );

        biasOnly.ShouldBeGreaterThan(1.5 * floor);
        linear.ShouldBeGreaterThan(1.5 * floor);
        linear.ShouldBeLessThan(biasOnly);
        crossing.ShouldBeLessThan(1.05 * floor);
    }

    [Fact]
    public void The_best_rated_unseen_pairs_rank_higher_by_a_trained_model_than_by_popularity()
    {
        var data = new GeneratedExamples(GroundTruth.Create());
        var model = data.Fit(Settings);
        var rated = data.Truth.Interactions().ToArray();
        var liked = data.Truth.UnseenPairs(20_000).Where(i => i.Value > 5).ToArray();
        var known = RowSets.FromPairs(data.Truth.Users.Count, [.. rated.Select(i => i.User)], [.. rated.Select(i => i.Item)]);
        var queries = liked.Select((i, n) => new RankingQuery(i.User, n, i.Item)).ToArray();
        var evaluator = new RankingEvaluator(data.Truth.Items.Count, known) { MaximumQueries = 1_000 };
        var token = TestContext.Current.CancellationToken;

        var personal = evaluator.Evaluate(queries, new ItemRanker(model, data.Items), data.Users, data.Contexts(liked), token).ShouldNotBeNull();
        var popular = evaluator.Evaluate(queries, new PopularityRanker(data.Truth.Items.Count, known).Score, token).ShouldNotBeNull();
        output.WriteLine($"HR@10 {personal.HitRate(10).Mean:F4} personal, {popular.HitRate(10).Mean:F4} popular");

        // Which pairs are seen at all goes by popularity alone, which the model of ratings does not look at.
        personal.HitRate(10).Mean.ShouldBeGreaterThan(1.5 * popular.HitRate(10).Mean);
        personal.Ndcg(10).Mean.ShouldBeGreaterThan(1.5 * popular.Ndcg(10).Mean);
    }

    /// <summary>A ground truth as the trainer takes it: ratings to train on, and unseen pairs to stop by and to test on.</summary>
    private sealed class GeneratedExamples
    {
        private readonly FeatureSpace _space;
        private readonly FeatureIndex _index;
        private readonly ExampleSet _holdout;

        public GeneratedExamples(GroundTruth truth)
        {
            Truth = truth;
            var rated = truth.Interactions().ToArray();
            var unseen = truth.UnseenPairs(20_000).ToArray();
            var builder = new FeatureIndexBuilder();
            foreach (var i in rated)
            {
                builder.CountUser(truth.Users[i.User].ToFeatures(), 1);
                builder.CountItem(truth.Items[i.Item].ToFeatures(), 1);
                builder.CountContext(i.ToContextFeatures(), 1);
            }

            (_space, _index) = builder.Build(1);
            Users = Rows(truth.Users, (user, row) => _index.AppendUser(user.ToFeatures(), row));
            Items = Rows(truth.Items, (item, row) => _index.AppendItem(item.ToFeatures(), row));
            Train = Examples(rated);
            _holdout = Examples(unseen[..6_000]);
            Test = Examples(unseen[6_000..]);
        }

        public GroundTruth Truth { get; }

        public SparseRows Users { get; }

        public SparseRows Items { get; }

        public ExampleSet Train { get; }

        public ExampleSet Test { get; }

        public SparseRows Contexts(GroundTruthInteraction[] interactions) =>
            Rows(interactions, (i, row) => _index.AppendContext(i.ToContextFeatures(), row));

        public Engine.Model.FactorizationModel Fit(TrainingSettings settings) =>
            new Trainer(settings).Train(_space, Train, _holdout, features: _index, cancellationToken: TestContext.Current.CancellationToken).Model;

        private ExampleSet Examples(GroundTruthInteraction[] interactions) =>
            new(
                [Users, Items, Contexts(interactions)],
                [
                    [.. interactions.Select(i => i.User)],
                    [.. interactions.Select(i => i.Item)],
                    null,
                ],
                [.. interactions.Select(i => (float)i.Value!.Value)]
            );

        private SparseRows Rows<T>(IEnumerable<T> all, Action<T, RowBuffer> append)
        {
            var rows = new SparseRowsBuilder(_space.ColumnCount);
            var buffer = new RowBuffer();
            foreach (var one in all)
            {
                buffer.Clear();
                append(one, buffer);
                rows.Add(buffer.Row);
                rows.EndRow();
            }

            return rows.Build();
        }
    }
}
