using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

public sealed class TrainerTests
{
    private const float Still = 1e-30f;

    public static TheoryData<string> Kernels => [.. FactorizationKernel.All.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Each_dimension_of_each_feature_moves_and_the_padding_stays_zero(string kernel)
    {
        foreach (var crossing in new[] { Crossing.FieldPooled, Crossing.Plain })
        {
            for (var k = 1; k <= 67; k++)
            {
                var settings = new TrainingSettings
                {
                    Crossing = crossing,
                    Factors = k,
                    Epochs = 1,
                    L2Factors = 0,
                    KernelName = kernel,
                };
                var (space, examples) = Problem(Loss.Squared, count: 50);
                var start = Fit(settings with { LearningRate = Still }, space, examples).Model;
                var end = Fit(settings, space, examples).Model;
                for (var column = 0; column < space.ColumnCount; column++)
                {
                    end.Weights[column].ShouldNotBe(start.Weights[column]);
                    for (var d = 0; d < k; d++)
                    {
                        end.FactorsOf(column)[d].ShouldNotBe(start.FactorsOf(column)[d], $"column {column}, dimension {d} of {k}");
                    }

                    end.FactorTable.Slice(space.FactorOf(column) * end.Stride, end.Stride)[k..].ContainsAnyExcept(0f).ShouldBeFalse();
                }
            }
        }
    }

    [Theory]
    [InlineData(Crossing.FieldPooled, Loss.Squared)]
    [InlineData(Crossing.FieldPooled, Loss.Logistic)]
    [InlineData(Crossing.Plain, Loss.Squared)]
    [InlineData(Crossing.Plain, Loss.Logistic)]
    public void A_small_step_goes_down_the_numeric_gradient_of_the_loss(Crossing crossing, Loss loss)
    {
        // With large sums of squared gradients AdaGrad is gradient descent with the rate η.
        const float Rate = 1e-4f;
        var settings = new TrainingSettings
        {
            Crossing = crossing,
            Loss = loss,
            Factors = 3,
            Epochs = 1,
            InitialDeviation = 0.7f,
            InitialAccumulator = 1e10f,
            LearningRate = Rate * 1e5f,
            L2Linear = 0.2f,
            L2Factors = 0.1f,
        };
        // Columns 0 and 5 share a latent vector, and so do 1 and 6; mean 0 and deviation 1, weighted, make the targets their own scale.
        var space = RandomModels.Space(2, shared: true);
        var builder = new SparseRowsBuilder(space.ColumnCount);
        Add(builder, [0, 3, 5, 7], [0.5f, -1.5f, 2, 1]);
        Add(builder, [1, 2, 9, 6], [1, 0.3f, -0.8f, 1.2f]);
        var examples = new ExampleSet(builder.Build(), loss == Loss.Squared ? [-0.5f, 2] : [0, 1], [2, 0.5f]);
        var start = Fit(settings with { LearningRate = Still }, space, examples).Model;
        var end = Fit(settings, space, examples).Model;

        Compare("bias", start.Bias, end.Bias, value => Objective(value, start.Weights.ToArray(), start.FactorTable.ToArray()));
        for (var column = 0; column < space.ColumnCount; column++)
        {
            Compare($"weight {column}", start.Weights[column], end.Weights[column], value =>
            {
                var weights = start.Weights.ToArray();
                weights[column] = value;
                return Objective(start.Bias, weights, start.FactorTable.ToArray());
            });
        }

        for (var at = 0; at < start.FactorTable.Length; at++)
        {
            Compare(
                $"factor {at / start.Stride}, {at % start.Stride}",
                start.FactorTable[at],
                end.FactorTable[at],
                value =>
                {
                    var table = start.FactorTable.ToArray();
                    table[at] = value;
                    return Objective(start.Bias, start.Weights.ToArray(), table);
                },
                padding: at % start.Stride >= 3
            );
        }

        void Compare(string name, float before, float after, Func<float, double> objective, bool padding = false)
        {
            if (padding)
            {
                after.ShouldBe(before, name);
                return;
            }

            var gradient = (objective(before + 0.01f) - objective(before - 0.01f)) / ((before + 0.01f) - (double)(before - 0.01f));
            (((double)before - after) / Rate).ShouldBe(gradient, 0.004 * (1 + Math.Abs(gradient)), name);
        }

        double Objective(float bias, float[] weights, float[] table)
        {
            var model = new FactorizationModel(space, crossing, loss, 3, bias, weights, table);
            var total = 0.0;
            for (var example = 0; example < 2; example++)
            {
                var row = examples.Blocks[0][example];
                var score = RandomModels.Naive(model, row).Score;
                var target = examples.Targets[example];
                var weight = examples.WeightOf(example);
                total +=
                    weight * (loss == Loss.Squared ? 0.5 * (score - target) * (score - target) : Math.Log(1 + Math.Exp(target > 0 ? -score : score)));
                foreach (var column in row.Columns)
                {
                    total += weight * 0.5 * 0.2f * weights[column] * weights[column];
                    foreach (var factor in model.FactorsOf(column))
                    {
                        total += weight * 0.5 * 0.1f * factor * factor;
                    }
                }
            }

            return total;
        }
    }

    [Theory]
    [InlineData(Loss.Squared)]
    [InlineData(Loss.Logistic)]
    public void A_seed_decides_the_model(Loss loss)
    {
        var (space, examples) = Problem(loss);
        var settings = new TrainingSettings
        {
            Loss = loss,
            Epochs = 3,
            Seed = 7,
        };
        var one = Fit(settings, space, examples);
        var two = Fit(settings, space, examples);
        var other = Fit(settings with { Seed = 8 }, space, examples);
        two.Model.FactorTable.SequenceEqual(one.Model.FactorTable).ShouldBeTrue();
        two.Model.Weights.SequenceEqual(one.Model.Weights).ShouldBeTrue();
        two.Model.Bias.ShouldBe(one.Model.Bias);
        two.Epochs.Select(e => e.TrainLoss).ShouldBe(one.Epochs.Select(e => e.TrainLoss));
        other.Model.FactorTable.SequenceEqual(one.Model.FactorTable).ShouldBeFalse();
    }

    [Fact]
    public void The_scale_of_the_targets_does_not_matter()
    {
        var (space, examples) = Problem(Loss.Squared);
        var holdout = examples.Select([0, 5, 17, 40]);
        var settings = new TrainingSettings { Epochs = 5 };
        var small = Fit(settings, space, examples, holdout);
        foreach (var (scale, shift) in new[] { (100f, 2_000f), (1e-4f, 0f), (1e12f, -1e12f) })
        {
            var large = Fit(settings, space, Rescaled(examples), Rescaled(holdout));
            for (var example = 0; example < examples.Count; example++)
            {
                var row = examples.Blocks[0][example];
                var expected = new Scorer(small.Model).Score(row);
                ((new Scorer(large.Model).Score(row) - shift) / scale).ShouldBe(expected, 0.01f);
            }

            large.Epochs[^1].TrainLoss.ShouldBe((double)scale * scale * small.Epochs[^1].TrainLoss, (double)scale * scale * 1e-3);
            large.Epochs[^1].HoldoutLoss!.Value.ShouldBe((double)scale * scale * small.Epochs[^1].HoldoutLoss!.Value, (double)scale * scale * 1e-3);

            ExampleSet Rescaled(ExampleSet set) => new(set.Blocks, set.Rows, [.. set.Targets.Select(t => (scale * t) + shift)]);
        }
    }

    [Fact]
    public void The_model_is_that_of_the_epoch_with_the_best_holdout_and_training_stops_after_the_patience()
    {
        var (space, examples) = Problem(Loss.Squared, count: 150, noise: 0.3);
        var (_, holdout) = Problem(Loss.Squared, count: 150, noise: 0.3, seed: 99);
        var reports = new List<EpochReport>();
        var settings = new TrainingSettings
        {
            Epochs = 200,
            LearningRate = 0.5f,
            L2Factors = 0,
            L2Linear = 0,
            InitialDeviation = 0.3f,
            Patience = 4,
        };
        var result = Fit(settings, space, examples, holdout, progress: reports.Add);
        reports.ShouldBe(result.Epochs);
        result.Epochs.Select(e => e.Epoch).ShouldBe(Enumerable.Range(1, result.Epochs.Count));
        result.Epochs.Count.ShouldBe(result.BestEpoch + 4);
        var best = result.Epochs.MinBy(e => e.HoldoutLoss);
        best.Epoch.ShouldBe(result.BestEpoch);
        MeanSquare(result.Model, holdout).ShouldBe(best.HoldoutLoss!.Value, 1e-4);
        // The same training without a holdout, for as many epochs, is the same training.
        var refit = Fit(settings with { Epochs = result.BestEpoch }, space, examples);
        refit.Model.FactorTable.SequenceEqual(result.Model.FactorTable).ShouldBeTrue();
        refit.BestEpoch.ShouldBe(result.BestEpoch);
        refit.Epochs.ShouldAllBe(e => e.HoldoutLoss == null);
    }

    [Fact]
    public void Latent_vectors_that_no_example_touches_are_zero()
    {
        var space = RandomModels.Space(2);
        var examples = new ExampleSet(
            SparseRows.FromDense(
                new float[,]
                {
                    { 1, 0, 0, 0, 0, 1, 0 },
                    { 0, 1, 0, 0, 0, 0, 1 },
                }
            ),
            [1, 2]
        );
        var model = Fit(new(), space, examples).Model;
        for (var column = 0; column < space.ColumnCount; column++)
        {
            model.FactorsOf(column).ContainsAnyExcept(0f).ShouldBe(column is 0 or 1 or 5 or 6);
        }
    }

    [Fact]
    public void Logistic_training_with_negatives_prefers_what_users_chose()
    {
        // Users of the even kind choose even items, users of the odd kind odd ones.
        var space = new FeatureSpace(["user", "item"], [.. Enumerable.Range(0, 60).Select(c => c < 20 ? 0 : 1)]);
        var (users, items) = (new SparseRowsBuilder(60), new SparseRowsBuilder(60));
        for (var c = 0; c < 60; c++)
        {
            Add(c < 20 ? users : items, [c], [1]);
        }

        var pairs = Enumerable
            .Range(0, 20)
            .SelectMany(u => Enumerable.Range(0, 40).Where(i => i % 2 == u % 2 && (i + u) % 3 != 0).Select(i => (User: u, Item: i)))
            .ToArray();
        var examples = new ExampleSet(
            [users.Build(), items.Build()],
            [
                [.. pairs.Select(p => p.User)],
                [.. pairs.Select(p => p.Item)],
            ],
            [.. pairs.Select(_ => 1f)]
        );
        var positives = RowSets.FromPairs(20, [.. pairs.Select(p => p.User)], [.. pairs.Select(p => p.Item)]);
        var settings = new TrainingSettings
        {
            Loss = Loss.Logistic,
            Factors = 4,
            Epochs = 40,
            LearningRate = 0.3f,
            InitialAccumulator = 0.1f,
            L2Factors = 0.001f,
        };
        var result = Fit(settings, space, examples, negatives: new(0, 1, 3, positives));
        result.Epochs[^1].TrainLoss.ShouldBeLessThan(0.7 * result.Epochs[0].TrainLoss);
        var scorer = new Scorer(result.Model);
        for (var user = 0; user < 20; user++)
        {
            var known = Enumerable.Range(0, 40).Where(i => positives.Contains(user, i)).Average(i => scorer.Score(new([user, 20 + i])));
            var opposite = Enumerable.Range(0, 40).Where(i => i % 2 != user % 2).Average(i => scorer.Score(new([user, 20 + i])));
            known.ShouldBeGreaterThan(opposite + 1);
        }

        result.Model.Predict(0).ShouldBe(0.5f);
    }

    [Fact]
    public void A_weight_counts_like_as_many_examples()
    {
        var (space, examples) = Problem(Loss.Squared, count: 2);
        // At a small rate, one example of weight 3 moves a bias as three of weight 1 do.
        var settings = new TrainingSettings
        {
            Factors = 0,
            Epochs = 1,
            LearningRate = 1f,
            InitialAccumulator = 1e8f,
        };
        var weighted = Fit(settings, space, new(examples.Blocks, examples.Rows, [1, 2], [3, 1]));
        var repeated = Fit(
            settings,
            space,
            new ExampleSet(
                examples.Blocks,
                [
                    [0, 0, 0, 1],
                ],
                [1, 1, 1, 2]
            )
        );
        weighted.Model.Bias.ShouldBe(repeated.Model.Bias, 1e-5f);
        for (var column = 0; column < space.ColumnCount; column++)
        {
            weighted.Model.Weights[column].ShouldBe(repeated.Model.Weights[column], 1e-7f);
        }

        weighted.Epochs[0].TrainLoss.ShouldBe(repeated.Epochs[0].TrainLoss, 1e-4);
    }

    [Fact]
    public void An_example_of_weight_0_teaches_nothing()
    {
        var space = RandomModels.Space(2);
        var rows = SparseRows.FromDense(
            new float[,]
            {
                { 1, 0, 0, 0, 0, 1, 0 },
                { 0, 1, 0, 0, 0, 0, 1 },
                { 1, 0, 0, 0, 0, 1, 0 },
            }
        );
        var result = Fit(new() { Epochs = 3 }, space, new(rows, [1, 50, 2], [1, 0, 1]));
        result.Model.Weights[1].ShouldBe(0);
        result.Model.FactorsOf(1).ContainsAnyExcept(0f).ShouldBeFalse();
        result.Model.FactorsOf(0).ContainsAnyExcept(0f).ShouldBeTrue();
        result.Model.Bias.ShouldBe(1.5f, 0.5f);
        result.Model.TargetMaximum.ShouldBe(2);
        result.Epochs[0].TrainLoss.ShouldBeLessThan(1);
    }

    [Theory]
    [InlineData(1e3f)]
    [InlineData(1e8f)]
    public void A_loss_that_explodes_and_stays_finite_is_divergence_too(float rate)
    {
        var (space, examples) = Problem(Loss.Squared);
        Should.Throw<TrainingDivergedException>(() =>
            new Trainer(
                new()
                {
                    LearningRate = rate,
                    InitialAccumulator = 1e-30f,
                    Epochs = 3,
                }
            ).Train(space, examples)
        );
    }

    [Fact]
    public void Cancelling_ends_training_at_once()
    {
        var (space, examples) = Problem(Loss.Squared);
        using var source = new CancellationTokenSource();
        var epochs = 0;
        Should.Throw<OperationCanceledException>(() =>
            new Trainer(new() { Epochs = 1_000_000 }).Train(
                space,
                examples,
                progress: report =>
                {
                    epochs++;
                    if (report.Epoch == 3)
                    {
                        source.Cancel();
                    }
                },
                cancellationToken: source.Token
            )
        );
        epochs.ShouldBe(3);
    }

    [Fact]
    public void Diverging_training_raises_and_names_the_epoch()
    {
        var (space, examples) = Problem(Loss.Squared);
        var exception = Should.Throw<TrainingDivergedException>(() =>
            new Trainer(
                new()
                {
                    LearningRate = 1e15f,
                    InitialAccumulator = 1e-30f,
                    Epochs = 50,
                }
            ).Train(space, examples)
        );
        exception.Epoch.ShouldBeGreaterThanOrEqualTo(1);
        exception.Message.ShouldContain($"epoch {exception.Epoch}");
    }

    [Fact]
    public void Divergence_names_the_examples_that_are_far_from_the_others()
    {
        var (space, examples) = Problem(Loss.Squared);
        var ones = new SparseRowsBuilder(space.ColumnCount);
        var buffer = new RowBuffer();
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.Gather(example, buffer);
            for (var entry = 0; entry < row.Length; entry++)
            {
                ones.Add(row.Columns[entry], example == 7 && entry == 1 ? -1e9f : 1);
            }

            ones.EndRow();
        }

        float[] targets = [.. examples.Targets.Select((_, example) => example == 3 ? -4e20f : 2 + (example % 2))];
        var weights = targets.Select(_ => 1f).ToArray();
        var far = new ExampleSet(ones.Build(), targets, weights);
        var held = new ExampleSet(far.Blocks, far.Rows, [.. targets.Select((_, example) => example == 5 ? 9_000f : 2)]);
        var settings = new TrainingSettings
        {
            LearningRate = 1e15f,
            InitialAccumulator = 1e-30f,
            Epochs = 5,
        };

        var exception = Should.Throw<TrainingDivergedException>(() => new Trainer(settings).Train(space, far));
        exception.Examples.Select(one => (one.Index, one.IsHeldOut, one.Value)).ShouldBe([(3, false, -4e20f), (7, false, -1e9f)]);
        exception.Examples[0].Column.ShouldBeNull();
        exception.Examples[0].Times.ShouldBeInRange(1e20, 3e20);
        exception.Examples[1].Column.ShouldBe(far.Gather(7, buffer).Columns[1]);
        exception.Message.ShouldContain("example 3 with the target -4E+20");
        exception.ReasonWith(one => $"row {one.Index + 1}").ShouldEndWith("Far from the others: row 4; row 8.");
        var ofHeld = Should.Throw<TrainingDivergedException>(() => new Trainer(settings).Train(space, far, held));
        ofHeld.Examples.Count.ShouldBe(3);
        ofHeld.Examples.ShouldContain(one => one.IsHeldOut && one.Index == 7);
        // What is not learned from drives nothing, and of a question of yes or no a target is no number.
        weights[3] = 0;
        Should.Throw<TrainingDivergedException>(() => new Trainer(settings).Train(space, far)).Examples.ShouldHaveSingleItem().Index.ShouldBe(7);
        weights[3] = 1;
        Should
            .Throw<TrainingDivergedException>(() => new Trainer(settings with { Loss = Loss.Logistic }).Train(space, far))
            .Examples.ShouldHaveSingleItem()
            .Index.ShouldBe(7);
    }

    [Fact]
    public void Parameters_that_overflow_in_the_last_step_raise_too()
    {
        // The loss is still finite, but a weight in units of the targets is not.
        var (space, examples) = Problem(Loss.Squared, count: 2);
        var large = new ExampleSet(examples.Blocks, examples.Rows, [-1e25f, 1e25f]);
        Should.Throw<TrainingDivergedException>(() =>
            new Trainer(
                new()
                {
                    LearningRate = 1e15f,
                    InitialAccumulator = 1e-10f,
                    Epochs = 1,
                }
            ).Train(space, large)
        );
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_refused_with_their_row()
    {
        var rows = SparseRows.FromDense(
            new float[,]
            {
                { 1, 2 },
                { 3, 4 },
            }
        );
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var builder = new SparseRowsBuilder();
            Add(builder, [0], [1]);
            Should.Throw<ArgumentException>(() => builder.Add(3, bad)).Message.ShouldContain("Row 1");
            Should
                .Throw<ArgumentException>(() =>
                    SparseRows.FromDense(
                        new[,]
                        {
                            { 1, 2 },
                            { 3, bad },
                        }
                    )
                )
                .Message.ShouldContain("Row 1");
            Should.Throw<ArgumentException>(() => new ExampleSet(rows, [1, bad])).Message.ShouldContain("Example 1");
            Should.Throw<ArgumentException>(() => new ExampleSet(rows, [1, 1], [1, bad])).Message.ShouldContain("Example 1");
            Should.Throw<ArgumentException>(() => new RowBuffer().Add(4, bad)).Message.ShouldContain("column 4");
        }
    }

    [Fact]
    public void Examples_that_nothing_can_be_learned_from_are_refused()
    {
        var space = RandomModels.Space(1);
        var rows = SparseRows.FromDense(
            new float[,]
            {
                { 1, 0, 0, 0, 0, 1 },
            }
        );
        Should.Throw<ArgumentException>(() => new Trainer(new()).Train(space, new(rows, [1]))).Message.ShouldContain("columns up to 5");
        Should
            .Throw<ArgumentException>(() => new Trainer(new()).Train(space, new(new SparseRowsBuilder().Build(), [])))
            .Message.ShouldContain("no examples");
        Should.Throw<ArgumentException>(() => new Trainer(new()).Train(RandomModels.Space(2), new(rows, [1], [0]))).Message.ShouldContain("weight 0");
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        var good = new TrainingSettings();
        foreach (
            var (settings, name) in new[]
            {
                (good with { Factors = -1 }, "Factors"),
                (good with { Factors = 4_097 }, "Factors"),
                (good with { Epochs = 0 }, "Epochs"),
                (good with { LearningRate = 0 }, "LearningRate"),
                (good with { LearningRate = float.NaN }, "LearningRate"),
                (good with { L2Linear = -1 }, "L2Linear"),
                (good with { L2Factors = float.PositiveInfinity }, "L2Factors"),
                (good with { InitialDeviation = 0 }, "InitialDeviation"),
                (good with { InitialAccumulator = 0 }, "InitialAccumulator"),
                (good with { Patience = 0 }, "Patience"),
                (good with { Loss = (Loss)9 }, "Loss"),
                (good with { Crossing = (Crossing)9 }, "Crossing"),
                (good with { KernelName = "abacus" }, "scalar"),
            }
        )
        {
            Should.Throw<ArgumentException>(() => new Trainer(settings)).Message.ShouldContain(name);
        }
    }

    [Fact]
    public void Each_loss_has_settings_to_start_from()
    {
        foreach (var loss in Enum.GetValues<Loss>())
        {
            TrainingSettings.For(loss).Loss.ShouldBe(loss);
            TrainingSettings.For(loss).Validate();
        }

        TrainingSettings.For(Loss.Squared).ShouldBe(new());
    }

    [Fact]
    public void Plain_training_learns_rendles_example()
    {
        var (rows, space) = RendleExample.Rows();
        // The time is divided by 12, as numbers in the service are standardised.
        var builder = new SparseRowsBuilder(16);
        for (var r = 0; r < rows.Count; r++)
        {
            for (var e = 0; e < rows[r].Length; e++)
            {
                builder.Add(rows[r].Columns[e], rows[r].ValueAt(e) / (rows[r].Columns[e] == 11 ? 12 : 1));
            }

            builder.EndRow();
        }

        var examples = new ExampleSet(builder.Build(), RendleExample.Ratings);
        var settings = new TrainingSettings
        {
            Crossing = Crossing.Plain,
            Factors = 4,
            Epochs = 300,
            L2Factors = 0,
            L2Linear = 0,
            InitialAccumulator = 0.1f,
        };
        var model = Fit(settings, space, examples).Model;
        MeanSquare(model, examples).ShouldBeLessThan(0.01);
    }

    private static TrainingResult Fit(
        TrainingSettings settings,
        FeatureSpace space,
        ExampleSet train,
        ExampleSet? holdout = null,
        NegativeSampling? negatives = null,
        Action<EpochReport>? progress = null
    ) => new Trainer(settings).Train(space, train, holdout, negatives, progress: progress, cancellationToken: TestContext.Current.CancellationToken);

    private static double MeanSquare(FactorizationModel model, ExampleSet examples) =>
        Enumerable
            .Range(0, examples.Count)
            .Average(e => Math.Pow(model.Predict(new Scorer(model).Score(examples.Blocks[0][e])) - examples.Targets[e], 2));

    /// <summary>Examples with one or two of each of three fields' columns, whose targets depend on pairs of them.</summary>
    private static (FeatureSpace Space, ExampleSet Examples) Problem(Loss loss, int count = 300, double noise = 0, ulong seed = 5)
    {
        var random = new RandomSource(seed);
        var space = RandomModels.Space(3);
        var builder = new SparseRowsBuilder(space.ColumnCount);
        var targets = new float[count];
        for (var example = 0; example < count; example++)
        {
            var (a, b, c) = (random.Below(5), random.Below(5), random.Below(5));
            Add(builder, [a, 5 + b, 10 + c], [1, 1, 0.5f + (float)random.NextDouble()]);
            var value = ((a * b) % 4) - 1.5 + (c * 0.3) + (noise * random.NextNormal());
            targets[example] =
                loss == Loss.Squared ? (float)value
                : value > 0 ? 1
                : 0;
        }

        return (space, new(builder.Build(), targets));
    }

    private static void Add(SparseRowsBuilder builder, int[] columns, float[] values)
    {
        builder.Add(new SparseRow(columns, values));
        builder.EndRow();
    }
}
