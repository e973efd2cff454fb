using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Passes;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Tests.Kernels;

/// <summary>Every kernel's steps against gradients of the plain sum over all pairs, in double precision.</summary>
public sealed class LearnerTests
{
    private const float Rate = 0.0078125f;
    private const float L2Linear = 0.5f;
    private const float L2Factors = 0.25f;
    private const float L2FieldWeights = 0.125f;
    private const float Accumulator = 0.5f;

    public static TheoryData<string, Crossing, Loss> Combinations
    {
        get
        {
            var data = new TheoryData<string, Crossing, Loss>();
            foreach (var kernel in FactorizationKernel.All)
            {
                foreach (var crossing in Enum.GetValues<Crossing>())
                {
                    foreach (var loss in LossNames.All.Where(one => one.Function().Rows != LossRows.Blocks))
                    {
                        data.Add(kernel.Name, crossing, loss);
                    }
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void A_step_of_gradient_descent_goes_along_the_gradient_for_every_length_of_the_vectors(
        string kernel,
        Crossing crossing,
        Loss loss
    )
    {
        var random = new RandomSource(7);
        for (var k = 0; k <= 67; k++)
        {
            foreach (var kind in Enum.GetValues<RowKind>())
            {
                // In plain and field-aware models entries that share a vector cross with each other, and the later step depends on the earlier one
                // too much to be told from the gradient.
                var space = RandomModels.Space(4, shared: k % 2 == 1 && crossing is not (Crossing.Plain or Crossing.FieldAware));
                var before = RandomModels.Model(space, crossing, k, random, scale: 0.5, loss);
                var examples = Examples(space, loss, kind, random);
                foreach (var twoPasses in new[] { false, true })
                {
                    var after = Learn(before, examples, kernel, Solver.Sgd, twoPasses, threads: 1 + (k % 3));
                    CheckStep(before, after, examples);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void The_other_solvers_divide_the_gradient_as_they_should(string kernel, Crossing crossing, Loss loss)
    {
        var random = new RandomSource(8);
        var steps = 0;
        foreach (var k in new[] { 1, 7, 8, 9, 16, 24, 32, 64, 67 })
        {
            foreach (var kind in new[] { RowKind.OneHot, RowKind.Numeric })
            {
                // No column shares its vector here, so that a parameter steps once and its step can be foretold from its gradient.
                var space = RandomModels.Space(4);
                var before = RandomModels.Model(space, crossing, k, random, scale: 0.5, loss);
                var examples = Examples(space, loss, kind, random);
                foreach (var twoPasses in new[] { false, true })
                {
                    var descended = Learn(before, examples, kernel, Solver.Sgd, twoPasses, threads: 2);
                    steps += CheckSteps(before, descended, Learn(before, examples, kernel, Solver.AdaGrad, twoPasses, threads: 2), examples, g =>
                        g / Math.Sqrt(Accumulator + (g * g))
                    );
                    // The first step of Adam has the size of the rate in the direction of the gradient.
                    steps += CheckSteps(before, descended, Learn(before, examples, kernel, Solver.Adam, twoPasses, threads: 2), examples, g =>
                        Math.Sign(g)
                    );
                }
            }
        }

        steps.ShouldBeGreaterThan(1_000);
    }

    [Fact]
    public void Adam_corrects_its_running_means_by_how_often_a_feature_occurred()
    {
        // Column 0 is in every row, column 1 in the last one only.
        var space = new FeatureSpace(["a", "b"], [0, 1]);
        var rows = new SparseRowsBuilder();
        rows.Add(0);
        rows.EndRow();
        rows.Add(0);
        rows.EndRow();
        rows.Add(0);
        rows.Add(1);
        rows.EndRow();
        var examples = new ExampleSet(rows.Build(), [1, -2, 3]);
        var before = new FactorizationModel(space, Crossing.FieldPooled, Loss.Squared, 0, 0, [0, 0], []);

        var after = Learn(before, examples, FactorizationKernel.All[^1].Name, Solver.Adam, twoPasses: false, threads: 1, l2: 0);

        // By hand: the bias and column 0 see the gradients of all three rows.
        double theta = 0,
            mean = 0,
            squares = 0;
        var slope = 0.0;
        foreach (var (t, target) in new[] { (1, 1.0), (2, -2), (3, 3) })
        {
            slope = (2 * theta) - target;
            mean = (0.9 * mean) + (0.1 * slope);
            squares = (0.999 * squares) + (0.001 * slope * slope);
            theta -= Rate * (mean / (1 - Math.Pow(0.9, t))) / Math.Sqrt(squares / (1 - Math.Pow(0.999, t)));
        }

        ((double)after.Bias).ShouldBe(theta, 1e-4);
        ((double)after.Weights[0]).ShouldBe(theta, 1e-4);
        ((double)after.Weights[1]).ShouldBe(-Rate * Math.Sign(slope), 1e-4);
    }

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Fields_have_regularisation_of_their_own(Crossing crossing)
    {
        var random = new RandomSource(9);
        var space = RandomModels.Space(3);
        var before = RandomModels.Model(space, crossing, 5, random);
        var examples = Examples(space, Loss.Squared, RowKind.OneHot, random);
        var byField = new Dictionary<string, FieldL2> { ["f1"] = new(2, 3) };

        var with = Learn(before, examples, "scalar", Solver.Sgd, twoPasses: false, threads: 1, byField: byField);
        var without = Learn(before, examples, "scalar", Solver.Sgd, twoPasses: false, threads: 1);

        var row = examples.Blocks[0][0];
        var weight = examples.WeightOf(0);
        foreach (var column in row.Columns)
        {
            var (linear, factors) = space.ColumnFields[column] == 1 ? (2 - L2Linear, 3 - L2Factors) : (0, 0);
            ((double)(with.Weights[column] - without.Weights[column])).ShouldBe(-Rate * weight * linear * before.Weights[column], 1e-5);
            ((double)(with.FactorsOf(column)[4] - without.FactorsOf(column)[4])).ShouldBe(
                -Rate * weight * factors * before.FactorsOf(column)[4],
                1e-5
            );
        }
    }

    /// <summary>One example, or a pair of them, of rows of one kind.</summary>
    private static ExampleSet Examples(FeatureSpace space, Loss loss, RowKind kind, RandomSource random)
    {
        var rows = new SparseRowsBuilder(space.ColumnCount);
        var buffer = new RowBuffer();
        for (var n = 0; n < (loss.Function().Rows == LossRows.Pairs ? 2 : 1); n++)
        {
            switch (kind)
            {
                case RowKind.OneHot:
                    for (var field = 0; field < space.FieldCount; field++)
                    {
                        // Field 0 is the same in both rows of a pair, as a user is.
                        rows.Add((field * RandomModels.ColumnsPerField) + 2 + (field == 0 ? 0 : random.Below(3)));
                    }

                    break;
                case RowKind.Numeric when n == 0 || random.NextDouble() < 0.5:
                    rows.Add(buffer.Row.Length > 0 && n > 0 ? buffer.Row : RandomModels.Row(space, random, numeric: true).Row);
                    break;
                default:
                    rows.Add(RandomModels.Row(space, random, numeric: true).Row);
                    break;
            }

            rows.EndRow();
        }

        var weight = 0.5f + (float)random.NextDouble();
        var function = loss.Function();
        return function.Rows == LossRows.Pairs
            ? new(rows.Build(), [1, 0], [weight, weight])
            : new(rows.Build(), [function.Predicts == PredictionKind.Probability ? random.Below(2) : (float)random.NextNormal()], [weight]);
    }

    private static FactorizationModel Learn(
        FactorizationModel before,
        ExampleSet examples,
        string kernel,
        Solver solver,
        bool twoPasses,
        int threads,
        float l2 = 1,
        IReadOnlyDictionary<string, FieldL2>? byField = null
    )
    {
        var settings = new TrainingSettings
        {
            Crossing = before.Crossing,
            Loss = before.Loss,
            Factors = before.Factors,
            Solver = solver,
            LearningRate = Rate,
            L2Linear = l2 * L2Linear,
            L2Factors = l2 * L2Factors,
            L2FieldWeights = l2 * L2FieldWeights,
            L2ByField = byField,
            InitialAccumulator = Accumulator,
        };
        var space = before.Space;
        var loss = before.Loss.Function();
        var scale = TargetScale.AsTheyAre;
        var numbering = RowNumbering.Natural(space);
        using var table = new ParameterTable(space, settings, numbering, twoPasses ? threads : 1);
        var translation = new ModelTranslation(space, settings, numbering, scale);
        table.Initialise(0, new double[space.ColumnCount], new RandomSource(1));
        translation.Start(table.Current, TrainingState.Of(before), Enumerable.Range(0, space.ColumnCount).ToArray());
        var layout = RowLayout.Of(space, examples, before.Crossing, oneHotAllowed: true);
        using var rows = new TrainingRows(space, examples, layout, numbering, loss.Rows, scale, null, null);
        var shape = new KernelShape(kernel, before.Crossing, layout.OneHot, table.Stride);
        using var team = new WorkerTeam(twoPasses ? threads : 1);
        using ILearningPass pass = twoPasses
            ? new DeterministicPass(rows, table, settings, scale, KernelChoice.Learner(shape, solver, loss.Rows), team, 1, rowsAreLong: false)
            : new FreePass(
                rows,
                table,
                settings,
                scale,
                KernelChoice.Learner(shape, solver, loss.Rows),
                team,
                new SharedQueue(rows.Count, 2),
                overlap: 0
            );
        pass.Learn(1, new RandomSource(1), CancellationToken.None);
        return translation.ToModel(table.Current, null);
    }

    private static void CheckStep(FactorizationModel before, FactorizationModel after, ExampleSet examples)
    {
        var gradient = new Gradient(before, examples);
        var space = before.Space;
        gradient.Check("The bias", before.Bias, after.Bias, gradient.Bias, 1);
        for (var column = 0; column < space.ColumnCount; column++)
        {
            var l2 = gradient.L2Of(column, L2Linear, before.Weights[column]);
            gradient.Check(
                $"Weight {column}",
                before.Weights[column],
                after.Weights[column],
                gradient.Weights[column] + l2,
                gradient.Occurrences(column)
            );
        }

        foreach (var columns in Enumerable.Range(0, space.ColumnCount).GroupBy(space.FactorOf))
        {
            var from = before.FactorsOf(columns.First());
            var to = after.FactorsOf(columns.First());
            for (var d = 0; d < before.VectorLength; d++)
            {
                var l2 = 0.0;
                foreach (var column in columns)
                {
                    l2 += gradient.L2Of(column, L2Factors, from[d]);
                }

                gradient.Check(
                    $"Factor {columns.Key}[{d}]",
                    from[d],
                    to[d],
                    gradient.Factors[columns.Key][d] + l2,
                    columns.Sum(gradient.Occurrences)
                );
            }
        }

        for (var f = 0; before.Crossing == Crossing.FieldWeighted && f < space.FieldCount; f++)
        {
            for (var g = f + 1; g < space.FieldCount; g++)
            {
                var r = before.FieldWeight(f, g);
                gradient.Check($"r_{f}{g}", r, after.FieldWeight(f, g), gradient.FieldWeights[f, g] + gradient.L2OfPair(f, g, r), examples.Count);
            }
        }
    }

    /// <summary>The steps of parameters that stepped once and had a gradient that rounding leaves intact.</summary>
    private static int CheckSteps(
        FactorizationModel before,
        FactorizationModel descended,
        FactorizationModel stepped,
        ExampleSet examples,
        Func<double, double> step
    )
    {
        var gradients = new Gradient(before, examples);
        var steps = 0;
        Check(before.Bias, descended.Bias, stepped.Bias, "bias");
        for (var column = 0; column < before.Space.ColumnCount; column++)
        {
            if (gradients.Occurrences(column) > 1)
            {
                continue;
            }

            Check(before.Weights[column], descended.Weights[column], stepped.Weights[column], $"weight {column}");
            for (var d = 0; d < before.VectorLength; d++)
            {
                Check(before.FactorsOf(column)[d], descended.FactorsOf(column)[d], stepped.FactorsOf(column)[d], $"factor {column}[{d}]");
            }
        }

        return steps;

        void Check(float before, float descended, float stepped, string what)
        {
            var gradient = (before - (double)descended) / Rate;
            if (gradient == 0)
            {
                stepped.ShouldBe(before, what);
            }
            else if (Math.Abs(gradient) > 0.01)
            {
                var expected = Rate * step(gradient);
                (before - (double)stepped).ShouldBe(expected, (2e-3 * Math.Abs(expected)) + (2e-7 * (1 + Math.Abs(before))), what);
                steps++;
            }
        }
    }

    private enum RowKind
    {
        OneHot,
        Numeric,
        NumericPairs,
    }

    /// <summary>The gradient of an example by the definition of the score: a sum over all pairs of entries, in double precision.</summary>
    private sealed class Gradient
    {
        private readonly FactorizationModel _model;
        private readonly ExampleSet _examples;
        private readonly double _slope;
        private readonly double _weight;

        public Gradient(FactorizationModel model, ExampleSet examples)
        {
            _model = model;
            _examples = examples;
            _weight = examples.WeightOf(0);
            Weights = new double[model.Space.ColumnCount];
            Factors = [.. Enumerable.Range(0, model.Space.FactorCount).Select(_ => new double[model.VectorLength])];
            FieldWeights = new double[model.Space.FieldCount, model.Space.FieldCount];
            _slope = Slope();
            Add(0, _weight * _slope);
            if (IsPair)
            {
                Add(1, -_weight * _slope);
            }
        }

        private bool IsPair => _model.Loss.Function().Rows == LossRows.Pairs;

        public double Bias { get; private set; }

        public double[] Weights { get; }

        public double[][] Factors { get; }

        public double[,] FieldWeights { get; }

        /// <param name="what">Names the parameter.</param>
        /// <param name="before">The parameter before the step.</param>
        /// <param name="after">And after it.</param>
        /// <param name="gradient">Its gradient.</param>
        /// <param name="steps">How often it steps: a later step sees what an earlier one did, which is of second order in the rate.</param>
        public void Check(string what, double before, double after, double gradient, int steps)
        {
            var ofRounding = (2e-7 * (1 + Math.Abs(before))) + (2e-5 * Rate * (Math.Abs(_slope) + Math.Abs(gradient)));
            var ofLaterSteps = steps > 1 ? 32 * Rate * Rate * (1 + Math.Abs(gradient) + Math.Abs(_slope)) : 0;
            var difference = (before - after) - (Rate * gradient);
            if (!(Math.Abs(difference) <= ofRounding + ofLaterSteps))
            {
                Assert.Fail(
                    FormattableString.Invariant($"{what} of {_model.Factors} factors went from {before} to {after}; its gradient is {gradient}.")
                );
            }
        }

        /// <summary>∂L/∂y of the first row, of which <c>LossTests</c> see that it is right.</summary>
        private unsafe float Slope()
        {
            float[] scores = [.. Enumerable.Range(0, _examples.Count).Select(n => (float)Score(n))];
            var slopes = new float[scores.Length];
            fixed (
                float* from = scores,
                    targets = _examples.Targets,
                    to = slopes
            )
            {
                _model.Loss.Function().Slopes(new(from, targets, null, scores.Length), 0, null, to);
            }

            return slopes[0];
        }

        private double Score(int n)
        {
            var score = (double)_model.Bias;
            ForEachPair(n, (_, _, product, weight, _, _) => score += weight * product, (column, x) => score += x * _model.Weights[column]);
            return score;
        }

        private void Add(int n, double slope)
        {
            Bias += slope;
            ForEachPair(
                n,
                (i, j, product, weight, xx, fields) =>
                {
                    FieldWeights[fields.F, fields.G] += slope * product;
                    var (fi, fj) = (_model.Space.ColumnFields[i], _model.Space.ColumnFields[j]);
                    var (vi, vj) = (RandomModels.VectorFor(_model, i, fj), RandomModels.VectorFor(_model, j, fi));
                    var (gi, gj) = (Factors[_model.Space.FactorOf(i)], Factors[_model.Space.FactorOf(j)]);
                    for (var d = 0; d < vi.Length; d++)
                    {
                        gi[RandomModels.FirstFor(_model, fj) + d] += slope * weight * xx * vj[d];
                        gj[RandomModels.FirstFor(_model, fi) + d] += slope * weight * xx * vi[d];
                    }
                },
                (column, x) => Weights[column] += slope * x
            );
        }

        private void ForEachPair(int n, Action<int, int, double, double, double, (int F, int G)> pair, Action<int, double> entry)
        {
            var row = _examples.Blocks[0][n];
            var space = _model.Space;
            for (var i = 0; i < row.Length; i++)
            {
                entry(row.Columns[i], row.ValueAt(i));
                for (var j = 0; j < i; j++)
                {
                    var (f, g) = (space.ColumnFields[row.Columns[i]], space.ColumnFields[row.Columns[j]]);
                    if (f == g && _model.Crossing is (Crossing.FieldPooled or Crossing.FieldWeighted))
                    {
                        continue;
                    }

                    var xx = (double)row.ValueAt(i) * row.ValueAt(j);
                    var product = 0.0;
                    var (vi, vj) = (RandomModels.VectorFor(_model, row.Columns[i], g), RandomModels.VectorFor(_model, row.Columns[j], f));
                    for (var d = 0; d < _model.Factors; d++)
                    {
                        product += xx * vi[d] * vj[d];
                    }

                    pair(row.Columns[i], row.Columns[j], product, _model.FieldWeight(f, g), xx, (Math.Min(f, g), Math.Max(f, g)));
                }
            }
        }

        /// <summary>L2 counts each time a column steps: once a row, and once for both rows of a pair where they begin alike.</summary>
        public double L2Of(int column, float l2, float value) => _weight * l2 * value * Steps(column, isWeight: l2 == L2Linear);

        public double L2OfPair(int f, int g, float value)
        {
            var rows = Enumerable.Range(0, _examples.Count).Count(n => Has(n, f) && Has(n, g));
            return _weight * L2FieldWeights * (value - 1) * rows;
        }

        public int Occurrences(int column)
        {
            var occurrences = 0;
            for (var n = 0; n < _examples.Count; n++)
            {
                occurrences += _examples.Blocks[0][n].Columns.Count(column);
            }

            return occurrences;
        }

        private bool Has(int n, int field)
        {
            foreach (var column in _examples.Blocks[0][n].Columns)
            {
                if (_model.Space.ColumnFields[column] == field)
                {
                    return true;
                }
            }

            return false;
        }

        private int Steps(int column, bool isWeight)
        {
            var steps = Occurrences(column);
            if (IsPair && IsShared(column))
            {
                steps -= isWeight ? 2 : 1;
            }

            return steps;
        }

        /// <summary>Whether a column is among the entries, put together by field, that both rows of the pair begin with.</summary>
        private bool IsShared(int column)
        {
            var (a, b) = (Sorted(0), Sorted(1));
            for (var i = 0; i < a.Count && i < b.Count && a[i].Equals(b[i]); i++)
            {
                if (a[i].Column == column)
                {
                    return true;
                }
            }

            return false;
        }

        private List<(int Column, float Value)> Sorted(int n)
        {
            var row = _examples.Blocks[0][n];
            var entries = new List<(int Column, float Value)>();
            for (var e = 0; e < row.Length; e++)
            {
                entries.Add((row.Columns[e], row.ValueAt(e)));
            }

            var plain = _model.Crossing == Crossing.Plain;
            return plain ? entries : [.. entries.OrderBy(entry => _model.Space.ColumnFields[entry.Column])];
        }
    }
}
