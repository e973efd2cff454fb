using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>What must not hang, crash or go by unnoticed.</summary>
public sealed class RobustTrainingTests
{
    private static readonly OneHotTruth Truth = new([300, 200, 20], factors: 3, noise: 0.5);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Training_ends_whenever_it_is_cancelled(bool deterministic)
    {
        var train = Truth.Draw(20_000);
        var random = new RandomSource(1);
        var trainer = new Trainer(
            new()
            {
                Threads = 2,
                Epochs = 100_000,
                Deterministic = deterministic,
            }
        );
        for (var attempt = 0; attempt < 30; attempt++)
        {
            using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var training = Task.Run(() => trainer.Train(Truth.Space, train, cancellationToken: cancellation.Token), Token);
            await Task.Delay(TimeSpan.FromMilliseconds(5 + random.Below(20)), Token);
            await cancellation.CancelAsync();

            await Should.ThrowAsync<OperationCanceledException>(() => training.WaitAsync(TimeSpan.FromSeconds(30), Token));
        }
    }

    [Theory]
    [InlineData(Loss.Squared)]
    [InlineData(Loss.Logistic)]
    public void Rows_without_entries_are_learned_from_and_scored_by_the_bias(Loss loss)
    {
        var space = new FeatureSpace(["a"], [0, 0]);
        var rows = new SparseRowsBuilder(space.ColumnCount);
        for (var row = 0; row < 100; row++)
        {
            rows.EndRow();
        }

        var empty = new ExampleSet(rows.Build(), [.. Enumerable.Range(0, 100).Select(row => row % 4 == 0 ? 0f : 1f)]);
        var result = new Trainer(
            new()
            {
                Loss = loss,
                Epochs = 5,
                Factors = 4,
            }
        ).Train(space, empty, empty, cancellationToken: Token);

        var truth = loss == Loss.Squared ? 0.1875 : -(0.75 * Math.Log(0.75)) - (0.25 * Math.Log(0.25));
        result.Epochs.ShouldAllBe(epoch => Math.Abs(epoch.TrainLoss - truth) < 0.05 && Math.Abs(epoch.HoldoutLoss!.Value - truth) < 0.01);
        var scores = new float[100];
        scores.AsSpan().Fill(1e30f);
        var scorer = new Scorer(result.Model);
        scorer.Score(empty, scores);
        scores.ShouldAllBe(score => score == result.Model.Bias);
    }

    [Fact]
    public void More_fields_than_can_have_weights_in_pairs_are_refused()
    {
        var fields = Enumerable.Range(0, 65_536).ToArray();
        var space = new FeatureSpace([.. fields.Select(field => $"f{field}")], fields);
        var rows = new SparseRowsBuilder(space.ColumnCount);
        rows.Add(0);
        rows.EndRow();

        Should
            .Throw<ArgumentException>(() =>
                new Trainer(new() { Crossing = Crossing.FieldWeighted }).Train(space, new(rows.Build(), [1f]), cancellationToken: Token)
            )
            .Message.ShouldContain("there are 65536");
    }

    [Fact]
    public void A_field_that_the_space_has_not_is_named()
    {
        var settings = new TrainingSettings
        {
            L2ByField = new Dictionary<string, FieldL2>(StringComparer.Ordinal) { [Truth.Space.Fields[0]] = new(0, 0), ["userr"] = new(0, 0) },
        };

        Should
            .Throw<ArgumentException>(() => new Trainer(settings).Train(Truth.Space, Truth.Draw(100), cancellationToken: Token))
            .Message.ShouldContain("'userr'");
    }

    [Fact]
    public void A_holdout_far_from_what_was_learned_is_no_divergence()
    {
        var train = Truth.Draw(2_000);
        var holdout = new ExampleSet(train.Blocks[0], [.. train.Targets.Select(target => target + 1e9f)]);

        var result = new Trainer(new() { Epochs = 2 }).Train(Truth.Space, train, holdout, cancellationToken: Token);

        result.Epochs[0].HoldoutLoss!.Value.ShouldBeInRange(0.9e18, 1.1e18);
    }

    [Fact]
    public void Sums_that_are_infinite_end_the_run() =>
        Should.Throw<TrainingDivergedException>(() =>
            new Trainer(
                new()
                {
                    L2Linear = 1e30f,
                    L2Factors = 1e30f,
                    Epochs = 3,
                }
            ).Train(Truth.Space, Truth.Draw(2_000), cancellationToken: Token)
        );

    [Fact]
    public void Pairs_where_every_user_has_every_item_are_refused()
    {
        var space = new FeatureSpace(["user", "item"], [0, 0, 1, 1]);
        var positives = new ExampleSet(
            [Rows(0, 1), Rows(2, 3)],
            [
                [0, 0, 1, 1],
                [0, 1, 0, 1],
            ],
            [1, 1, 1, 1]
        );
        var negatives = new NegativeSampling(0, 1, 1, RowSets.FromPairs(2, [0, 0, 1, 1], [0, 1, 0, 1]));

        Should
            .Throw<ArgumentException>(() =>
                new Trainer(new() { Loss = Loss.Bpr }).Train(space, positives, negatives: negatives, cancellationToken: Token)
            )
            .Message.ShouldStartWith("Every user has every item");

        SparseRows Rows(int first, int second)
        {
            var builder = new SparseRowsBuilder(space.ColumnCount);
            foreach (var column in new[] { first, second })
            {
                builder.Add(column);
                builder.EndRow();
            }

            return builder.Build();
        }
    }
}
