using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>Rows of many fields, of which two matter: the target is whether both have the same of three features, with a tenth of the labels wrong.</summary>
public sealed class LongRowTests
{
    private const int Features = 3;

    [Theory]
    [InlineData(Solver.AdaGrad, false)]
    [InlineData(Solver.AdaGrad, true)]
    [InlineData(Solver.Adam, false)]
    [InlineData(Solver.Sgd, false)]
    public void What_two_of_many_fields_say_is_found(Solver solver, bool deterministic)
    {
        var (train, test) = (Draw(30, 1600, seed: 1), Draw(30, 1000, seed: 2));
        var settings = TrainingSettings.For(Loss.Logistic, solver) with { Factors = 4, Epochs = 15, Deterministic = deterministic };

        var result = new Trainer(settings).Train(Space(30), train, test);

        // ln 2 is what a coin has, and what the tenth of wrong labels alone costs is 0.33.
        result.Epochs.ShouldAllBe(epoch => epoch.TrainLoss < 0.75);
        result.Epochs.Min(epoch => epoch.HoldoutLoss!.Value).ShouldBeLessThan(solver == Solver.Sgd ? 0.55 : 0.42);
    }

    [Theory]
    [InlineData(Solver.AdaGrad)]
    [InlineData(Solver.Adam)]
    public void A_holdout_that_gets_worse_before_it_gets_better_does_not_end_training(Solver solver)
    {
        var settings = TrainingSettings.For(Loss.Logistic, solver) with { Factors = 4, Epochs = 16 };

        var result = new Trainer(settings).Train(Space(100), Draw(100, 1600, seed: 1), Draw(100, 200, seed: 2));

        var losses = result.Epochs.Select(epoch => epoch.HoldoutLoss!.Value).ToArray();
        losses[2..6].Min().ShouldBeGreaterThan(losses[0..2].Min());
        result.BestEpoch.ShouldBeGreaterThan(12);
        losses.Min().ShouldBeLessThan(0.6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void First_epochs_on_long_rows_do_not_explode(bool deterministic)
    {
        var settings = TrainingSettings.For(Loss.Logistic) with { Factors = 4, Epochs = 2, Deterministic = deterministic };

        var result = new Trainer(settings).Train(Space(300), Draw(300, 1600, seed: 1));

        result.Epochs[0].TrainLoss.ShouldBeLessThan(0.8);
    }

    [Fact]
    public void Fields_that_say_nothing_are_drawn_to_zero()
    {
        var settings = TrainingSettings.For(Loss.Logistic) with { Factors = 4, Epochs = 15 };
        var (train, space) = (Draw(30, 1600, seed: 1), Space(30));

        var learned = new Trainer(settings).Train(space, train).Model;
        var given = new Trainer(settings with { LearnsL2 = false }).Train(space, train).Model;

        Noise(learned).ShouldBeLessThan(Noise(given) / 2);

        // How long the vectors of the other fields are beside those of the first two.
        double Noise(FactorizationModel model) =>
            Enumerable.Range(2 * Features, 28 * Features).Average(column => Length(model, column)) / Enumerable.Range(0, 2 * Features).Average(column => Length(model, column));

        double Length(FactorizationModel model, int column) => Math.Sqrt(model.FactorsOf(column).ToArray().Sum(v => (double)v * v));
    }

    [Fact]
    public void Short_rows_are_learned_from_as_they_are()
    {
        var settings = TrainingSettings.For(Loss.Logistic, Solver.AdaGrad) with { Epochs = 2 };
        var (space, examples) = (Space(8), Draw(8, 400, seed: 1));

        var asTheyAre = new Trainer(settings).Train(space, examples).Model;
        var withL2AsGiven = new Trainer(settings with { LearnsL2 = false }).Train(space, examples).Model;

        asTheyAre.FactorTable.SequenceEqual(withL2AsGiven.FactorTable).ShouldBeTrue();
        RowLength.Adapt(settings, RowLength.Of(examples)).ShouldBe(settings);
        RowLength.Adapt(settings, 32).LearningRate.ShouldBe(settings.LearningRate / 2);
        RowLength.Adapt(settings, 32).InitialDeviation.ShouldBe(settings.InitialDeviation / 2);
    }

    [Fact]
    public void The_length_of_rows_is_the_sum_of_squares_of_what_blocks_join()
    {
        var users = new SparseRowsBuilder();
        users.Add(0, 3);
        users.EndRow();
        users.EndRow();
        var items = new SparseRowsBuilder();
        items.Add(1, 1);
        items.EndRow();
        var examples = new ExampleSet([users.Build(), items.Build()], [[0, 1, 0], [0, 0, 0]], [1, 0, 1], [1, 1, 0]);

        RowLength.Of(examples).ShouldBe(((9 + 1) + 1) / 2.0);
    }

    [Fact]
    public void A_model_of_noise_is_the_best_constant()
    {
        var random = new Random(1);
        float[] Targets(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() < 0.3f ? 1f : 0f)];
        var train = new ExampleSet(Draw(300, 800, seed: 1).Blocks[0], Targets(800));
        var test = new ExampleSet(Draw(300, 400, seed: 2).Blocks[0], Targets(400));
        var share = train.Targets.Average();

        var result = new Trainer(TrainingSettings.For(Loss.Logistic) with { Factors = 4 }) { KeepsState = true }.Train(Space(300), train, test);

        var constant = test.Targets.Average(target => -Math.Log(target > 0 ? share : 1 - share));
        result.ConstantHoldoutLoss!.Value.ShouldBe(constant, 1e-5);
        result.Epochs.ShouldAllBe(epoch => epoch.HoldoutLoss > constant);
        result.BestEpoch.ShouldBe(0);
        result.Model.FactorTable.ContainsAnyExcept(0f).ShouldBeFalse();
        result.Model.Weights.ContainsAnyExcept(0f).ShouldBeFalse();
        new Scorer(result.Model).Predict(test).ShouldAllBe(prediction => Math.Abs(prediction - share) < 1e-5);
        result.State!.Model.ShouldBe(result.Model);
    }

    [Fact]
    public void A_gain_on_the_holdout_that_may_be_chance_is_none()
    {
        var random = new Random(17);
        float[] Targets(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() < 0.3f ? 1f : 0f)];
        var train = new ExampleSet(Draw(20, 400, seed: 17).Blocks[0], Targets(400));
        var test = new ExampleSet(Draw(20, 30, seed: 117).Blocks[0], Targets(30));

        var result = new Trainer(TrainingSettings.For(Loss.Logistic) with { Factors = 4 }).Train(Space(20), train, test);

        result.Epochs.Min(epoch => epoch.HoldoutLoss!.Value).ShouldBeLessThan(result.ConstantHoldoutLoss!.Value - 0.02);
        result.BeatsConstant.ShouldBe(false);
        result.BestEpoch.ShouldBe(0);
    }

    [Fact]
    public void Training_up_to_an_epoch_is_the_beginning_of_the_whole()
    {
        var settings = TrainingSettings.For(Loss.Logistic) with { Factors = 4, Epochs = 9, Schedule = RateSchedule.Cosine };
        var (space, examples) = (Space(12), Draw(12, 400, seed: 1));

        var whole = new Trainer(settings).Train(space, examples);
        var part = new Trainer(settings) { LastEpoch = 4 }.Train(space, examples);

        part.BestEpoch.ShouldBe(4);
        part.Epochs.Select(epoch => epoch.TrainLoss).ShouldBe(whole.Epochs.Take(4).Select(epoch => epoch.TrainLoss));
        new Trainer(settings) { LastEpoch = 0 }.Train(space, examples).Model.FactorTable.ContainsAnyExcept(0f).ShouldBeFalse();
    }

    private static FeatureSpace Space(int fields) =>
        new(
            [.. Enumerable.Range(0, fields).Select(field => $"{field}")],
            [.. Enumerable.Range(0, fields * Features).Select(column => column / Features)]
        );

    private static ExampleSet Draw(int fields, int count, int seed)
    {
        var random = new Random(seed);
        var rows = new SparseRowsBuilder(fields * Features);
        var targets = new float[count];
        for (var row = 0; row < count; row++)
        {
            int[] drawn = [.. Enumerable.Range(0, fields).Select(_ => random.Next(Features))];
            for (var field = 0; field < fields; field++)
            {
                rows.Add((field * Features) + drawn[field], 1);
            }

            rows.EndRow();
            targets[row] = drawn[0] == drawn[1] != random.NextDouble() < 0.1 ? 1 : 0;
        }

        return new(rows.Build(), targets);
    }
}
