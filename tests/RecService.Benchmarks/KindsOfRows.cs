using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Benchmarks;

/// <summary>What it costs when rows are not one-hot, the loss is another, or the outcome must not depend on the number of threads.</summary>
internal static class KindsOfRows
{
    private const int Factors = 16;

    public static List<Cost> Measure(int rounds)
    {
        var shape = Shape.All[1];
        var truth = shape.Truth();
        var plain = truth.Draw(shape.Rows);
        var binary = truth.Draw(shape.Rows, binary: true);
        var random = new RandomSource(1);
        var weighted = new ExampleSet(plain.Blocks[0], plain.Targets, [.. plain.Targets.Select(_ => 0.5f + (float)random.NextDouble())]);
        var numeric = Rows(plain, random, entriesOfLastField: 1);
        var pooled = Rows(plain, random, entriesOfLastField: 3);
        var settings = EngineBenchmark.Settings(Factors, shape.Rows);
        var (implicitSpace, positives, negatives) = Implicit(truth, plain);
        (string What, Func<double> Rate)[] contestants =
        [
            ("one-hot rows", () => EngineBenchmark.Train(truth.Space, plain, settings)),
            ("with a weight for each example", () => EngineBenchmark.Train(truth.Space, weighted, settings)),
            ("logistic loss", () => EngineBenchmark.Train(truth.Space, binary, settings with { Loss = Loss.Logistic })),
            ("with a value for each entry", () => EngineBenchmark.Train(truth.Space, numeric, settings)),
            ("with three entries in the last field, pooled", () => EngineBenchmark.Train(truth.Space, pooled, settings)),
            ("with L2 by field", () =>
                EngineBenchmark.Train(
                    truth.Space,
                    plain,
                    settings with
                    {
                        L2ByField = new Dictionary<string, FieldL2> { ["0"] = new(0.001f, 0.001f) },
                    }
                )
            ),
            ("field-weighted", () => EngineBenchmark.Train(truth.Space, plain, settings with { Crossing = Crossing.FieldWeighted })),
            ("k = 24, which has no kernel of its own", () => EngineBenchmark.Train(truth.Space, plain, settings with { Factors = 24 })),
            ("deterministic, 1 thread", () => EngineBenchmark.Train(truth.Space, plain, settings with { Deterministic = true })),
            ("deterministic, 2 threads", () => EngineBenchmark.Train(truth.Space, plain, settings with { Deterministic = true, Threads = 2 })),
            ("positives, each with a sampled negative, logistic loss (rows)", () =>
                2 * EngineBenchmark.Train(implicitSpace, positives, settings with { Loss = Loss.Logistic }, negatives)
            ),
            ("pairs of a positive and a sampled negative, BPR (pairs)", () =>
                EngineBenchmark.Train(implicitSpace, positives, settings with { Loss = Loss.Bpr }, negatives)
            ),
        ];
        var samples = contestants.Select(_ => new List<double>()).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            for (var i = 0; i < contestants.Length; i++)
            {
                var rate = contestants[i].Rate();
                if (round >= 0)
                {
                    samples[i].Add(rate);
                }
            }
        }

        return
        [
            .. contestants.Select(
                (c, i) => new Cost(c.What, EngineBenchmark.Median(samples[i]), EngineBenchmark.Median(samples[i].Zip(samples[0], (a, b) => a / b)))
            ),
        ];
    }

    /// <summary>The same rows with values, and with further features of the last field.</summary>
    private static ExampleSet Rows(ExampleSet examples, RandomSource random, int entriesOfLastField)
    {
        var source = examples.Blocks[0];
        var rows = new SparseRowsBuilder(source.ColumnCount);
        var lastFieldSize = Shape.All[1].FieldSizes[^1];
        for (var n = 0; n < source.Count; n++)
        {
            var columns = source[n].Columns;
            for (var e = 0; e < columns.Length - 1; e++)
            {
                rows.Add(columns[e], entriesOfLastField > 1 ? 1 : 0.5f + (float)random.NextDouble());
            }

            for (var e = 0; e < entriesOfLastField; e++)
            {
                rows.Add(source.ColumnCount - 1 - random.Below(lastFieldSize), 1 / MathF.Sqrt(entriesOfLastField));
            }

            rows.EndRow();
        }

        return new(rows.Build(), examples.Targets);
    }

    /// <summary>Users, items and contexts in blocks of their own, every row a positive.</summary>
    private static (FeatureSpace Space, ExampleSet Positives, NegativeSampling Negatives) Implicit(OneHotTruth truth, ExampleSet examples)
    {
        var sizes = Shape.All[1].FieldSizes;
        var blocks = new SparseRows[sizes.Length];
        var rows = new int[sizes.Length][];
        var first = 0;
        for (var field = 0; field < sizes.Length; field++)
        {
            var builder = new SparseRowsBuilder(truth.Space.ColumnCount);
            for (var feature = 0; feature < sizes[field]; feature++)
            {
                builder.Add(first + feature);
                builder.EndRow();
            }

            blocks[field] = builder.Build();
            rows[field] = new int[examples.Count];
            for (var n = 0; n < examples.Count; n++)
            {
                rows[field][n] = examples.Blocks[0][n].Columns[field] - first;
            }

            first += sizes[field];
        }

        var targets = new float[examples.Count];
        Array.Fill(targets, 1);
        return (truth.Space, new(blocks, rows, targets), new(0, 1, 1, RowSets.FromPairs(sizes[0], rows[0], rows[1])));
    }

    /// <summary>Millions of examples a second.</summary>
    public sealed record Cost(string What, double Rate, double OfOneHot);
}
