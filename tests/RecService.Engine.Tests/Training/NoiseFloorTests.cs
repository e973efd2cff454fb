using RecService.Engine.Data;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>
/// How close each solver comes to the error of the truth itself. Rows are tested whose features of the first two fields, the users and items as it
/// were, are in
/// no row that was learned from or that told when to stop: what is known of them is known from other pairs.
/// </summary>
public sealed class NoiseFloorTests(ITestOutputHelper output)
{
    private const double Noise = 0.5;

    private static readonly Lazy<GeneratedRows> Numbers = new(() => new(rows: 300_000, binary: false));
    private static readonly Lazy<GeneratedRows> Events = new(() => new(rows: 500_000, binary: true));

    public static TheoryData<Solver, Crossing> SolversAndInteractions =>
        new MatrixTheoryData<Solver, Crossing>(Enum.GetValues<Solver>(), [Crossing.FieldPooled, Crossing.Plain]);

    [Theory]
    [MemberData(nameof(SolversAndInteractions))]
    public void On_unseen_pairs_each_solver_comes_within_two_percent_of_the_noise(Solver solver, Crossing crossing)
    {
        var rows = Numbers.Value;
        var floor = rows.FloorRmse;

        var machine = Rmse(rows, Settings(solver) with { Crossing = crossing });
        output.WriteLine(
            FormattableString.Invariant(
                $"{solver}, {crossing}: RMSE {machine:F4}, of the truth {floor:F4}, ratio {machine / floor:F4}; noise {Noise}"
            )
        );

        floor.ShouldBe(Noise, 0.02 * Noise);
        machine.ShouldBeLessThanOrEqualTo(1.02 * floor);
        machine.ShouldBeLessThanOrEqualTo(1.02 * Noise);
    }

    [Fact]
    public void On_unseen_pairs_models_that_do_not_cross_features_stay_beyond_one_and_a_half_times_the_noise()
    {
        var rows = Numbers.Value;
        var floor = rows.FloorRmse;

        var constant = ExampleMetrics.Rmse.OfConstant(rows.Train.Targets.Average(), rows.Test).ShouldNotBeNull();
        output.WriteLine(FormattableString.Invariant($"bias only: RMSE {constant:F4}, ratio {constant / floor:F4}"));
        constant.ShouldBeGreaterThanOrEqualTo(1.5 * floor);
        foreach (var solver in Enum.GetValues<Solver>())
        {
            var linear = Rmse(rows, Settings(solver) with { Factors = 0 });
            output.WriteLine(FormattableString.Invariant($"linear, {solver}: RMSE {linear:F4}, ratio {linear / floor:F4}"));
            linear.ShouldBeGreaterThanOrEqualTo(1.5 * floor);
            linear.ShouldBeLessThan(constant);
        }
    }

    [Theory]
    [InlineData(Solver.Sgd)]
    [InlineData(Solver.AdaGrad)]
    [InlineData(Solver.Adam)]
    public void On_unseen_pairs_each_solver_comes_within_two_percent_of_the_log_loss_of_the_true_probabilities(Solver solver)
    {
        var rows = Events.Value;
        var floor = rows.FloorLogLoss;

        var machine = LogLoss(Settings(solver));
        var linear = LogLoss(Settings(solver) with { Factors = 0 });
        output.WriteLine(
            FormattableString.Invariant(
                $"{solver}: log loss {machine:F4}, of the truth {floor:F4}, ratio {machine / floor:F4}; linear {linear:F4}, ratio {linear / floor:F4}"
            )
        );

        machine.ShouldBeLessThanOrEqualTo(1.02 * floor);
        linear.ShouldBeGreaterThan(1.02 * floor);

        double LogLoss(TrainingSettings settings) =>
            ExampleMetrics.LogLoss.Of(new Scorer(Model(rows, settings with { Loss = Loss.Logistic })), rows.Test).ShouldNotBeNull();
    }

    /// <summary>k is that of the truth; rows are plenty, so that little regularisation does.</summary>
    private static TrainingSettings Settings(Solver solver) =>
        new()
        {
            Solver = solver,
            Factors = 4,
            Epochs = 12,
            LearningRate = solver switch
            {
                Solver.Sgd => 0.05f,
                Solver.AdaGrad => 0.2f,
                _ => 0.01f,
            },
            Schedule = RateSchedule.Cosine,
            L2Linear = 0.001f,
            L2Factors = 0.001f,
            InitialDeviation = 0.1f,
        };

    private static double Rmse(GeneratedRows rows, TrainingSettings settings) =>
        ExampleMetrics.Rmse.Of(new Scorer(Model(rows, settings)), rows.Test).ShouldNotBeNull();

    private static FactorizationModel Model(GeneratedRows rows, TrainingSettings settings) =>
        new Trainer(settings).Train(rows.Truth.Space, rows.Train, rows.Holdout, cancellationToken: TestContext.Current.CancellationToken).Model;

    private sealed class GeneratedRows
    {
        public GeneratedRows(int rows, bool binary)
        {
            Truth = new([300, 200, 20], noise: Noise);
            Train = Truth.Draw(rows, part: 0, binary);
            Holdout = Truth.Draw(rows / 10, part: 1, binary);
            var known = Pairs(Train).Concat(Pairs(Holdout)).ToHashSet();
            var others = Truth.Draw(200_000, part: 2, binary);
            Test = Select(others, [.. Pairs(others).Index().Where(pair => !known.Contains(pair.Item)).Select(pair => pair.Index)]);
            Test.Count.ShouldBeGreaterThan(4_000);
        }

        public OneHotTruth Truth { get; }

        public ExampleSet Train { get; }

        public ExampleSet Holdout { get; }

        public ExampleSet Test { get; }

        public double FloorRmse => ExampleMetrics.Rmse.Of(new(TrueScores(), Test.Targets)).ShouldNotBeNull();

        public double FloorLogLoss =>
            ExampleMetrics.LogLoss.Of(new([.. TrueScores().Select(score => 1 / (1 + MathF.Exp(-score)))], Test.Targets)).ShouldNotBeNull();

        private float[] TrueScores() =>
            [.. Enumerable.Range(0, Test.Count).Select(example => (float)Truth.TrueScore(Test.Blocks[0][example].Columns))];

        private static IEnumerable<(int First, int Second)> Pairs(ExampleSet examples)
        {
            for (var example = 0; example < examples.Count; example++)
            {
                var columns = examples.Blocks[0][example].Columns;
                yield return (columns[0], columns[1]);
            }
        }

        private static ExampleSet Select(ExampleSet examples, int[] some)
        {
            var rows = new SparseRowsBuilder(examples.ColumnCount);
            foreach (var example in some)
            {
                rows.Add(examples.Blocks[0][example]);
                rows.EndRow();
            }

            return new(rows.Build(), [.. some.Select(example => examples.Targets[example])]);
        }
    }
}
