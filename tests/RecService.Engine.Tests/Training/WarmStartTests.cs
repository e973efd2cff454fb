using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

public sealed class WarmStartTests
{
    public static TheoryData<Solver, Crossing, Loss> Kinds
    {
        get
        {
            var kinds = new TheoryData<Solver, Crossing, Loss>();
            foreach (var solver in Enum.GetValues<Solver>())
            {
                foreach (var crossing in Enum.GetValues<Crossing>())
                {
                    foreach (var loss in LossNames.All.Where(one => one.Function().Rows != LossRows.Blocks))
                    {
                        kinds.Add(solver, crossing, loss);
                    }
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Training_in_two_parts_is_training_in_one(Solver solver, Crossing crossing, Loss loss)
    {
        // So few examples are a single batch, whose order the seed decides.
        var (space, examples) = Problem(loss);
        var settings = new TrainingSettings
        {
            Solver = solver,
            Crossing = crossing,
            Loss = loss,
            Factors = 5,
            LearningRate = 0.01f,
            InitialDeviation = 0.3f,
        };
        var whole = Train(settings with { Epochs = 7 }, space, examples).Model;
        var part = Reloaded(Train(settings with { Epochs = 3 }, space, examples).State!);
        var parts = Train(settings with { Epochs = 4 }, space, examples, start: part).Model;

        parts.Bias.ShouldBe(whole.Bias, 1e-5f);
        ShouldBeClose(parts.Weights, whole.Weights);
        ShouldBeClose(parts.FactorTable, whole.FactorTable);
        ShouldBeClose(parts.FieldWeights, whole.FieldWeights);
        Train(settings with { Epochs = 4 }, space, examples, start: TrainingState.Of(part.Model))
            .Model.FactorTable.SequenceEqual(parts.FactorTable)
            .ShouldBe(solver == Solver.Sgd, "whether the solver's sums make a difference");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_order_of_rows_in_training_does_not_matter_to_a_state(int threads)
    {
        // So many examples are divided between threads, and rows are numbered by how often they occur.
        var (space, examples) = Problem(Loss.Squared, count: 10_000);
        var settings = new TrainingSettings
        {
            Solver = Solver.Adam,
            Factors = 3,
            Epochs = 1,
            LearningRate = 0.01f,
            Threads = threads,
        };
        var former = Train(settings, space, examples);
        var still = Train(settings with { LearningRate = 1e-30f, Schedule = RateSchedule.Constant }, space, examples, start: former.State);

        ShouldBeClose(still.Model.Weights, former.Model.Weights);
        ShouldBeClose(still.Model.FactorTable, former.Model.FactorTable);
        for (var factor = 0; factor < space.FactorCount; factor++)
        {
            var (before, after) = (former.State!.FactorTouches[factor], still.State!.FactorTouches[factor]);
            if (threads == 1)
            {
                after.ShouldBe(2 * before);
            }

            after.ShouldBeGreaterThan(before);
        }
    }

    [Theory]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Features_are_the_same_by_name_wherever_their_columns_are(Crossing crossing)
    {
        var former = FeatureIndex.Of([
            new(0, "user.id", "a"),
            new(1, "user.id", "gone"),
            new(2, "item.id", "x"),
            new(3, "item.id", "rare 1"),
            new(3, "item.id", "rare 2"),
            new(4, "context.hour", null, 12, 3),
        ]);
        var formerSpace = new FeatureSpace(["user", "item", "context"], [0, 0, 1, 1, 2]);
        var features = FeatureIndex.Of([
            new(0, "context.hour", null, 11, 2),
            new(1, "item.id", "new"),
            new(2, "item.id", "rare 1"),
            new(2, "item.id", "rare 2"),
            new(2, "item.id", "x"),
            new(3, "user.id", "a"),
        ]);
        var space = new FeatureSpace(["context", "item", "user"], [0, 1, 1, 2]);
        var settings = new TrainingSettings
        {
            Crossing = crossing,
            Loss = Loss.Logistic,
            Factors = 4,
            Epochs = 5,
            LearningRate = 0.3f,
            InitialDeviation = 0.5f,
        };

        var start = Train(settings, formerSpace, Rows([0, 2, 4], [1, 3, 4], [0, 3], [1, 2, 4]), features: former).State!;
        var model = Train(
            settings with
            {
                LearningRate = 1e-30f,
                Epochs = 1,
            },
            space,
            Rows([0, 1, 3], [0, 2, 3]),
            features: features,
            start: start
        ).Model;

        model.Bias.ShouldBe(start.Model.Bias);
        int[] formerColumns = [4, -1, 3, 0];
        for (var column = 0; column < formerColumns.Length; column++)
        {
            if (formerColumns[column] >= 0)
            {
                model.Weights[column].ShouldBe(start.Model.Weights[formerColumns[column]]);
                for (var field = 0; field < 3; field++)
                {
                    RandomModels
                        .VectorFor(model, column, field)
                        .ShouldBe(RandomModels.VectorFor(start.Model, formerColumns[column], 2 - field), $"column {column} for field {field}");
                }
            }
        }

        model.Weights[1].ShouldBe(0, 1e-20);
        model.FactorsOf(1).ContainsAnyExcept(0f).ShouldBeTrue("a new feature starts as ever");
        if (crossing != Crossing.FieldWeighted)
        {
            return;
        }

        model.FieldWeight(0, 1).ShouldBe(start.Model.FieldWeight(2, 1));
        model.FieldWeight(0, 2).ShouldBe(start.Model.FieldWeight(2, 0));
        model.FieldWeight(1, 2).ShouldBe(start.Model.FieldWeight(1, 0));
    }

    [Fact]
    public void A_field_aware_model_and_another_do_not_start_each_other()
    {
        var (space, examples) = Problem(Loss.Squared);
        var settings = new TrainingSettings { Factors = 2, Epochs = 1 };
        var pooled = Train(settings, space, examples).State;
        var aware = settings with { Crossing = Crossing.FieldAware };

        Should.Throw<ArgumentException>(() => Train(aware, space, examples, start: pooled)).Message.ShouldContain("The start is FieldPooled");
        var state = Train(aware, space, examples).State;
        Should.Throw<ArgumentException>(() => Train(settings, space, examples, start: state)).Message.ShouldContain("The start is FieldAware");
        Saved(Reloaded(state!)).ShouldBe(Saved(state!));
    }

    [Fact]
    public void Features_without_names_are_the_same_by_field_and_number()
    {
        // The new file has field 3 in the middle, index 1 in it too, and no index 4 any more.
        var formerSpace = new FeatureSpace(["2", "5"], [0, 0, 1, 1, 1]);
        var space = new FeatureSpace(["2", "3", "5"], [0, 0, 2, 2, 1], [0, 1, 2, 3, 1]);
        var settings = new TrainingSettings
        {
            Loss = Loss.Logistic,
            Factors = 3,
            Epochs = 5,
            LearningRate = 0.3f,
        };

        var start = Train(settings, formerSpace, Rows([0, 2], [1, 3], [0, 4])).State!;
        var model = Train(settings with { LearningRate = 1e-30f, Epochs = 1 }, space, Rows([0, 2, 4], [1, 3])).Model;
        var warm = Train(settings with { LearningRate = 1e-30f, Epochs = 1 }, space, Rows([0, 2, 4], [1, 3]), start: start).Model;

        ShouldBeClose(warm.Weights, [.. start.Model.Weights[..4], 0]);
        for (var column = 0; column < 4; column++)
        {
            warm.FactorsOf(column).SequenceEqual(start.Model.FactorsOf(column)).ShouldBeTrue($"column {column}");
        }

        warm.FactorsOf(4).SequenceEqual(start.Model.FactorsOf(1)).ShouldBeTrue("index 1 has one latent vector in all fields");
        model.FactorsOf(0).SequenceEqual(start.Model.FactorsOf(0)).ShouldBeFalse();
    }

    [Fact]
    public void The_start_is_kept_when_no_epoch_is_better()
    {
        var (space, examples) = Problem(Loss.Squared, count: 900);
        var settings = new TrainingSettings
        {
            Factors = 4,
            Epochs = 60,
            Patience = 60,
            L2Factors = 0,
            L2Linear = 0,
            LearningRate = 0.2f,
        };
        var former = Train(settings, space, examples, holdout: examples);

        var result = Train(
            settings with
            {
                Solver = Solver.Adam,
                LearningRate = 0.5f,
                Epochs = 2,
            },
            space,
            examples,
            holdout: examples,
            start: former.State
        );

        result.BestEpoch.ShouldBe(0);
        result.StartHoldoutLoss!.Value.ShouldBe(former.Epochs[former.BestEpoch - 1].HoldoutLoss!.Value, 1e-5);
        result.Epochs.ShouldAllBe(epoch => epoch.HoldoutLoss > result.StartHoldoutLoss);
        ShouldBeClose(result.Model.FactorTable, former.Model.FactorTable);
        ShouldBeClose(result.State!.Model.FactorTable, former.Model.FactorTable);
    }

    [Fact]
    public void The_state_is_that_of_the_best_epoch()
    {
        var (space, examples) = Problem(Loss.Squared, count: 150, noise: 0.3);
        var (_, holdout) = Problem(Loss.Squared, count: 100, noise: 0.3, seed: 6);
        var settings = new TrainingSettings
        {
            Factors = 16,
            Epochs = 200,
            LearningRate = 0.5f,
            L2Factors = 0,
            L2Linear = 0,
            InitialDeviation = 0.3f,
        };
        var result = Train(settings, space, examples, holdout);

        result.BestEpoch.ShouldBeInRange(1, result.Epochs.Count - 1);
        Saved(result.State!).ShouldBe(Saved(Train(settings with { Epochs = result.BestEpoch }, space, examples).State!));
        new Trainer(settings).Train(space, examples, holdout).State.ShouldBeNull();
    }

    [Fact]
    public void A_solver_starts_from_the_state_of_another()
    {
        var (space, examples) = Problem(Loss.Squared, count: 900);
        var settings = new TrainingSettings
        {
            Factors = 4,
            Epochs = 5,
            L2Factors = 0,
            L2Linear = 0,
        };
        var former = Train(settings, space, examples, holdout: examples);

        var result = Train(
            settings with
            {
                Solver = Solver.Adam,
                LearningRate = 0.003f,
                Epochs = 40,
                Patience = 40,
            },
            space,
            examples,
            holdout: examples,
            start: former.State
        );

        result.State!.Solver.ShouldBe(Solver.Adam);
        result.Epochs[result.BestEpoch - 1].HoldoutLoss!.Value.ShouldBeLessThan(result.StartHoldoutLoss!.Value);
    }

    [Fact]
    public void A_start_that_does_not_fit_is_refused()
    {
        var (space, examples) = Problem(Loss.Squared);
        var settings = new TrainingSettings { Factors = 4, Epochs = 1 };
        var start = Train(settings, space, examples).State!;
        var names = FeatureIndex.Of(Enumerable.Range(0, space.ColumnCount).Select(column => new IndexedFeature(column, "tag", $"{column}")));

        Should.Throw<ArgumentException>(() => Train(settings with { Factors = 5 }, space, examples, start: start)).Message.ShouldContain("4 factors");
        Should
            .Throw<ArgumentException>(() => Train(settings with { Loss = Loss.Logistic }, space, examples, start: start))
            .Message.ShouldContain("Squared");
        Should.Throw<ArgumentException>(() => Train(settings, space, examples, features: names, start: start)).Message.ShouldContain("names");
    }

    [Fact]
    public void A_damaged_state_is_refused()
    {
        var (space, examples) = Problem(Loss.Squared, count: 20);
        var file = Saved(
            Train(
                new()
                {
                    Factors = 2,
                    Epochs = 1,
                    Solver = Solver.Adam,
                },
                space,
                examples
            ).State!
        );

        for (var at = 0; at < file.Length; at++)
        {
            var damaged = file.ToArray();
            damaged[at] ^= 1;
            Should.Throw<ModelFormatException>(() => TrainingState.Load(new MemoryStream(damaged)));
            Should.Throw<ModelFormatException>(() => TrainingState.Load(new MemoryStream(file, 0, at)));
        }

        using var model = new MemoryStream();
        ModelFile.Save(model, TrainingState.Load(new MemoryStream(file)).Model);
        TrainingState.IsStartOf(model.GetBuffer()).ShouldBeFalse();
        TrainingState.IsStartOf(file).ShouldBeTrue();
        Should.Throw<ModelFormatException>(() => TrainingState.Load(new MemoryStream(model.ToArray()))).Message.ShouldContain("no training state");
    }

    private static TrainingResult Train(
        TrainingSettings settings,
        FeatureSpace space,
        ExampleSet examples,
        ExampleSet? holdout = null,
        FeatureIndex? features = null,
        TrainingState? start = null
    ) => new Trainer(settings) { KeepsState = true }.Train(space, examples, holdout, features: features, start: start);

    private static byte[] Saved(TrainingState state)
    {
        using var file = new MemoryStream();
        state.Save(file);
        return file.ToArray();
    }

    private static TrainingState Reloaded(TrainingState state) => TrainingState.Load(new MemoryStream(Saved(state)));

    private static void ShouldBeClose(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected) =>
        actual.ToArray().ShouldBe(expected.ToArray(), 1e-5);

    private static ExampleSet Rows(params int[][] rows)
    {
        var builder = new SparseRowsBuilder();
        foreach (var row in rows)
        {
            builder.Add(new SparseRow(row, [.. row.Select(_ => 1f)]));
            builder.EndRow();
        }

        return new(builder.Build(), [.. rows.Select((_, row) => (float)(row % 2))]);
    }

    private static (FeatureSpace Space, ExampleSet Examples) Problem(Loss loss, int count = 300, double noise = 0.1, ulong seed = 5)
    {
        var random = new RandomSource(seed);
        var space = RandomModels.Space(3);
        var builder = new SparseRowsBuilder(space.ColumnCount);
        var targets = new float[count];
        for (var example = 0; example < count; example++)
        {
            var (a, b, c) = (random.Below(5), random.Below(5), random.Below(5));
            builder.Add(new SparseRow([a, 5 + b, 10 + c], [1, 1, 0.5f + (float)random.NextDouble()]));
            builder.EndRow();
            var value = ((a * b) % 4) - 1.5 + (c * 0.3) + (noise * random.NextNormal());
            targets[example] = loss switch
            {
                Loss.Squared => (float)value,
                Loss.Logistic => value > 0 ? 1 : 0,
                _ => 1 - (example % 2),
            };
        }

        return (space, new(builder.Build(), targets));
    }
}
