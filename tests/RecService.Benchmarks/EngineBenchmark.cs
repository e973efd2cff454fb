using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;
using Spectre.Console;

namespace RecService.Benchmarks;

/// <summary>
/// Training and scoring throughput by shape and number of factors, beside the bare loop and the floor of memory. All contestants take turns, round
/// after round, so
/// that ratios hold on a machine whose speed changes.
/// </summary>
internal static class EngineBenchmark
{
    private const int ScoringPasses = 3;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Web) { WriteIndented = true };

    public static int Run(int rounds)
    {
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 150);
        var results = new List<Result>();
        foreach (var shape in Shape.All)
        {
            var truth = shape.Truth();
            var examples = truth.Draw(shape.Rows);
            foreach (var factors in new[] { 8, 16, 64 })
            {
                results.Add(Measure(shape, truth.Space, examples, factors, rounds));
                AnsiConsole.WriteLine(
                    string.Create(CultureInfo.InvariantCulture, $"{shape.Name}, k = {factors}: {results[^1].AdaGrad:F1} M examples/s")
                );
            }
        }

        var costs = KindsOfRows.Measure(rounds);
        Print(results, costs, rounds);
        var file = Path.GetFullPath(Path.Combine("artifacts", "bench-engine.json"));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(
            file,
            JsonSerializer.Serialize(
                new
                {
                    kernel = FactorizationKernel.Default.Name,
                    processors = Environment.ProcessorCount,
                    rounds,
                    unit = "million examples a second, medians",
                    results,
                    costs,
                },
                Json
            )
        );
        AnsiConsole.WriteLine($"Written to {file}");
        return 0;
    }

    /// <summary>Settings that a shape is trained with.</summary>
    public static TrainingSettings Settings(int factors, int rows, Solver solver = Solver.AdaGrad, int threads = 1) =>
        new()
        {
            Factors = factors,
            Solver = solver,
            Threads = threads,
            LearningRate = solver switch
            {
                Solver.AdaGrad => 0.05f,
                Solver.Sgd => 0.005f,
                _ => 0.001f,
            },
            L2Linear = 0.001f,
            L2Factors = 0.001f,
            // Enough of them that a run takes tenths of a second.
            Epochs = Math.Max(4, 1_500_000 / rows),
        };

    /// <summary>Millions of examples a second: the median epoch of a run, the first left out.</summary>
    public static double Train(FeatureSpace space, ExampleSet examples, TrainingSettings settings, NegativeSampling? negatives = null)
    {
        var trainer = new Trainer(settings) { ThreadStarted = Affinity.Pin };
        var run = trainer.Train(space, examples, negatives: negatives);
        Affinity.Unpin();
        return Median(run.Epochs.Skip(1).Select(epoch => examples.Count / epoch.LearningTime.TotalSeconds / 1e6));
    }

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static Result Measure(Shape shape, FeatureSpace space, ExampleSet examples, int factors, int rounds)
    {
        using var bare = new BareRun(shape, examples, factors);
        var scorer = new Scorer(new Trainer(Settings(factors, shape.Rows) with { Epochs = 1 }).Train(space, examples).Model);
        var scores = new float[examples.Count];
        var samples = Enumerable.Range(0, 7).Select(_ => new List<double>()).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            double[] rates =
            [
                bare.Floor(),
                bare.Learn(),
                Train(space, examples, Settings(factors, shape.Rows)),
                Train(space, examples, Settings(factors, shape.Rows, threads: 2)),
                Train(space, examples, Settings(factors, shape.Rows, Solver.Sgd)),
                Train(space, examples, Settings(factors, shape.Rows, Solver.Adam)),
                Score(),
            ];
            for (var i = 0; i < rates.Length && round >= 0; i++)
            {
                samples[i].Add(rates[i]);
            }
        }

        double Ratio(int a, int b) => Median(samples[a].Zip(samples[b], (x, y) => x / y));
        return new(
            shape.Name,
            factors,
            Median(samples[0]),
            Median(samples[1]),
            Median(samples[2]),
            Ratio(2, 1),
            Ratio(2, 0),
            Median(samples[4]),
            Median(samples[5]),
            Median(samples[3]),
            Ratio(3, 2),
            Median(samples[6]),
            Ratio(6, 2)
        );

        double Score()
        {
            Affinity.Pin(0);
            var times = new List<double>();
            for (var pass = 0; pass < ScoringPasses; pass++)
            {
                var start = Stopwatch.GetTimestamp();
                scorer.Score(examples, scores);
                times.Add(examples.Count / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e6);
            }

            Affinity.Unpin();
            return Median(times);
        }
    }

    private static void Print(List<Result> results, List<KindsOfRows.Cost> costs, int rounds)
    {
        AnsiConsole.WriteLine();
        AnsiConsole.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Millions of examples a second, medians of {rounds} rounds in which all take turns; {FactorizationKernel.Default.Name}, {Environment.ProcessorCount} processors."
            )
        );
        foreach (var shape in Shape.All)
        {
            AnsiConsole.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{shape.Name}: {shape.FieldSizes.Length} fields, {shape.Features:N0} features, {shape.Rows:N0} rows"
                )
            );
        }

        var table = new Table().AddColumns(
            "shape",
            "k",
            "floor",
            "bare loop",
            "AdaGrad",
            "of bare",
            "of floor",
            "SGD",
            "Adam",
            "2 threads",
            "speed-up",
            "scoring",
            "of AdaGrad"
        );
        foreach (var r in results)
        {
            table.AddRow(
                r.Shape,
                r.Factors.ToString(CultureInfo.InvariantCulture),
                Rate(r.Floor),
                Rate(r.Bare),
                Rate(r.AdaGrad),
                Percent(r.OfBare),
                Percent(r.OfFloor),
                Rate(r.Sgd),
                Rate(r.Adam),
                Rate(r.TwoThreads),
                Times(r.SpeedUp),
                Rate(r.Scoring),
                Times(r.ScoringOfTraining)
            );
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine("What other rows, losses and ways cost, beside one-hot rows with squared loss in the same rounds (shape B, k = 16):");
        var other = new Table().AddColumns("", "M examples/s", "of one-hot");
        foreach (var cost in costs)
        {
            other.AddRow(cost.What, Rate(cost.Rate), Percent(cost.OfOneHot));
        }

        AnsiConsole.Write(other);

        static string Rate(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
        static string Percent(double value) => value.ToString("P0", CultureInfo.InvariantCulture);
        static string Times(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + " ×";
    }

    /// <summary>The bare loop and the floor on the same rows, which each keep their own memory.</summary>
    private sealed unsafe class BareRun : IDisposable
    {
        private const int Passes = 4;
        private const int RowsAhead = 8;

        private readonly NativeArray<int> _rows;
        private readonly NativeArray<float> _targets;
        private readonly NativeArray<float> _factors;
        private readonly NativeArray<float> _weights;
        private readonly int _count;
        private readonly int _width;
        private readonly int _k;

        public BareRun(Shape shape, ExampleSet examples, int k)
        {
            (_count, _width, _k) = (shape.Rows, shape.FieldSizes.Length, k);
            _rows = new((nuint)((_count + RowsAhead + 1) * _width));
            _targets = new((nuint)_count);
            _factors = new((nuint)shape.Features * (nuint)(2 * k));
            _weights = new((nuint)shape.Features * 2);
            for (var n = 0; n < _count; n++)
            {
                examples.Blocks[0][n].Columns.CopyTo(new(_rows.Pointer + (n * _width), _width));
                _targets.Pointer[n] = examples.Targets[n];
            }

            var random = new RandomSource(1);
            for (nuint i = 0; i < _factors.Length; i++)
            {
                _factors.Pointer[i] = (i / (nuint)k) % 2 == 0 ? 0.02f * (float)random.NextNormal() : 1;
            }

            for (nuint i = 1; i < _weights.Length; i += 2)
            {
                _weights.Pointer[i] = 1;
            }
        }

        /// <summary>The rate of the bare loop, with or without fetching ahead, whichever is faster.</summary>
        public double Learn() =>
            Math.Max(
                Rate(() => BareLoop.Learn(_rows.Pointer, _targets.Pointer, _count, _width, _factors.Pointer, _weights.Pointer, _k, 0)),
                Rate(() => BareLoop.Learn(_rows.Pointer, _targets.Pointer, _count, _width, _factors.Pointer, _weights.Pointer, _k, RowsAhead))
            );

        public double Floor() =>
            Math.Max(
                Rate(() => MemoryFloor.Touch(_rows.Pointer, _count, _width, _factors.Pointer, 2 * _k, _weights.Pointer, 0)),
                Rate(() => MemoryFloor.Touch(_rows.Pointer, _count, _width, _factors.Pointer, 2 * _k, _weights.Pointer, RowsAhead))
            );

        public void Dispose()
        {
            _rows.Dispose();
            _targets.Dispose();
            _factors.Dispose();
            _weights.Dispose();
        }

        private double Rate(Action pass)
        {
            Affinity.Pin(0);
            var rates = new List<double>();
            for (var n = 0; n < Passes; n++)
            {
                var start = Stopwatch.GetTimestamp();
                pass();
                rates.Add(_count / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e6);
            }

            Affinity.Unpin();
            return Median(rates.Skip(1));
        }
    }

    /// <summary>Millions of examples a second, and ratios.</summary>
    private sealed record Result(
        string Shape,
        int Factors,
        double Floor,
        double Bare,
        double AdaGrad,
        double OfBare,
        double OfFloor,
        double Sgd,
        double Adam,
        double TwoThreads,
        double SpeedUp,
        double Scoring,
        double ScoringOfTraining
    );
}
