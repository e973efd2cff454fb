using RecService.Engine.Data;
using RecService.Engine.Scoring;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>How close trained models come to the best attainable error, which the generator of the data knows.</summary>
public sealed class GroundTruthTrainingTests(ITestOutputHelper output)
{
    [Fact]
    public void On_unseen_pairs_the_machine_comes_within_five_percent_of_the_noise_and_simpler_models_do_not()
    {
        // Enough ratings that the error of estimating 1,800 latent vectors from them stays below the margin.
        var truth = GroundTruth.Create(new() { Interactions = 120_000 });
        GroundTruthInteraction[] seen = [.. truth.Interactions()];
        GroundTruthInteraction[] unseen = [.. truth.UnseenPairs(10_000)];
        var (space, encode) = Encoding(truth, seen);
        var (fit, holdout) = (encode(seen.Where((_, i) => i % 10 != 0)), encode(seen.Where((_, i) => i % 10 == 0)));
        var (all, test) = (encode(seen), encode(unseen));

        var floor = Math.Sqrt(unseen.Average(i => Math.Pow(truth.TrueScore(i) - i.Value!.Value, 2)));
        var mean = seen.Average(i => i.Value!.Value);
        var bias = Math.Sqrt(unseen.Average(i => Math.Pow(mean - i.Value!.Value, 2)));
        var linear = Error(0);
        var machine = Error(8);
        output.WriteLine(
            FormattableString.Invariant(
                $"noise {truth.NoiseDeviation}: truth {floor:0.0000}, bias only {bias:0.0000}, linear {linear:0.0000}, factorization machine {machine:0.0000}"
            )
        );
        output.WriteLine(
            FormattableString.Invariant(
                $"as multiples of the noise: bias only {bias / floor:0.000}, linear {linear / floor:0.000}, factorization machine {machine / floor:0.000}"
            )
        );

        floor.ShouldBe(truth.NoiseDeviation, 0.02 * truth.NoiseDeviation);
        machine.ShouldBeLessThanOrEqualTo(1.05 * floor);
        linear.ShouldBeGreaterThanOrEqualTo(1.5 * floor);
        bias.ShouldBeGreaterThanOrEqualTo(1.5 * floor);

        // As the service does: a holdout finds the number of epochs, then all ratings are learned from.
        double Error(int factors)
        {
            var settings = new TrainingSettings
            {
                Factors = factors,
                Epochs = 100,
                LearningRate = 0.05f,
                L2Linear = 0.01f,
                L2Factors = 0.005f,
            };
            var found = new Trainer(settings).Train(space, fit, holdout, cancellationToken: TestContext.Current.CancellationToken);
            var model = new Trainer(settings with { Epochs = found.BestEpoch })
                .Train(space, all, cancellationToken: TestContext.Current.CancellationToken)
                .Model;
            output.WriteLine(
                FormattableString.Invariant(
                    $"k = {factors}: {found.BestEpoch} epochs, holdout RMSE {Math.Sqrt(found.Epochs.Min(e => e.HoldoutLoss!.Value)):0.0000}, {found.Epochs.Average(e => e.Elapsed.TotalSeconds):0.000} s each"
                )
            );
            var (scorer, row) = (new Scorer(model), new RowBuffer());
            return Math.Sqrt(
                Enumerable.Range(0, test.Count).Average(e => Math.Pow(model.Predict(scorer.Score(test.Gather(e, row))) - test.Targets[e], 2))
            );
        }
    }

    /// <summary>Columns counted on the seen interactions, and how interactions become examples that join users, items and contexts.</summary>
    private static (FeatureSpace Space, Func<IEnumerable<GroundTruthInteraction>, ExampleSet> Encode) Encoding(
        GroundTruth truth,
        GroundTruthInteraction[] seen
    )
    {
        var builder = new FeatureIndexBuilder();
        foreach (var group in seen.GroupBy(i => i.User))
        {
            builder.CountUser(truth.Users[group.Key].ToFeatures(), group.Count());
        }

        foreach (var group in seen.GroupBy(i => i.Item))
        {
            builder.CountItem(truth.Items[group.Key].ToFeatures(), group.Count());
        }

        foreach (var crossing in seen)
        {
            builder.CountContext(crossing.ToContextFeatures(), 1);
        }

        var (space, index) = builder.Build(minimumCount: 1);
        var users = Rows(truth.Users, (user, row) => index.AppendUser(user.ToFeatures(), row));
        var items = Rows(truth.Items, (item, row) => index.AppendItem(item.ToFeatures(), row));
        return (space, interactions =>
        {
            GroundTruthInteraction[] some = [.. interactions];
            var contexts = Rows(some, (crossing, row) => index.AppendContext(crossing.ToContextFeatures(), row));
            return new(
                [users, items, contexts],
                [
                    [.. some.Select(i => i.User)],
                    [.. some.Select(i => i.Item)],
                    null,
                ],
                [.. some.Select(i => (float)i.Value!.Value)]
            );
        }
        );
    }

    private static SparseRows Rows<T>(IEnumerable<T> entities, Action<T, RowBuffer> append)
    {
        var rows = new SparseRowsBuilder();
        var buffer = new RowBuffer();
        foreach (var entity in entities)
        {
            buffer.Clear();
            append(entity, buffer);
            rows.Add(buffer.Row);
            rows.EndRow();
        }

        return rows.Build();
    }
}
