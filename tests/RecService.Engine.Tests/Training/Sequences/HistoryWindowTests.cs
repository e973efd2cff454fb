using System.Runtime.Intrinsics;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training.Sequences;

public sealed unsafe class HistoryWindowTests
{
    private const int Factors = 9;

    public static TheoryData<int, float, float, double?, double?> Settings =>
        new()
        {
            { 200, 0.5f, 0.8f, null, null },
            { 3, 0.5f, 0.8f, null, null },
            { 1, 1, 0.7f, null, null },
            { 4, 0, 0, null, null },
            { 5, 0.3f, 1, 300, null },
            { 4, 0.5f, 0.9f, 100, 500 },
            { 200, 1, 1, null, 200 },
        };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Recurrences_along_a_sequence_are_the_sums_that_requests_make(int length, float alpha, float gamma, double? recentHalfLife, double? halfLife)
    {
        var history = new HistorySettings
        {
            Length = length,
            Alpha = alpha,
            Gamma = gamma,
            RecentHalfLife = recentHalfLife is { } recent ? TimeSpan.FromSeconds(recent) : null,
            AgeHalfLife = halfLife is { } age ? TimeSpan.FromSeconds(age) : null,
        };
        for (ulong seed = 1; seed <= 12; seed++)
        {
            var sequences = new RandomSequences(seed, tags: seed % 2 == 0, times: seed % 3 > 0 || (recentHalfLife ?? halfLife) is not null, partial: seed % 4 > 1);
            using var table = Parameters(sequences.Space);
            var pooling = new HistoryPooling(history, sequences.Set.Roles!);
            // As a whole, and in segments that begin with the window of those before.
            foreach (var segmentEvents in new[] { 1000, 3 })
            {
                foreach (var (e, sequence, longVector, recentVector) in Pooled(sequences.Space, sequences.Set, history, table, segmentEvents))
                {
                    if (sequences.Set.IsUnordered(sequence))
                    {
                        continue;
                    }

                    double? moment = sequences.Set.Times?[e];
                    var pooled = pooling.Pool(RandomSequences.EventsBefore(sequences.Set, sequence, e), moment);
                    Close(longVector, Sum(sequences, table, pooled, "history"), $"seed {seed}, event {e}, history");
                    Close(recentVector, Sum(sequences, table, pooled, "history.recent"), $"seed {seed}, event {e}, recent");
                }
            }
        }
    }

    [Fact]
    public void Without_order_each_has_all_the_others_for_a_history()
    {
        var sequences = new RandomSequences(5, times: true);
        var history = new HistorySettings();
        using var table = Parameters(sequences.Space);
        var pooling = new HistoryPooling(history, sequences.Set.Roles!);
        var rows = Pooled(sequences.Space, sequences.Set, history, table, 1000).Where(row => row.Sequence == 0).ToList();
        rows.Count.ShouldBeGreaterThan(2);
        sequences.Set.IsUnordered(0).ShouldBeTrue();
        foreach (var (e, _, longVector, recentVector) in rows)
        {
            // Runs are what stands side by side, whatever the order.
            var all = RandomSequences.EventsBefore(sequences.Set, 0, sequences.Set.Starts[1]);
            var own = pooling.Pool(all).Entries.Where(entry => entry.Event == e).ToList();
            var data = new SequenceData(sequences.Space, sequences.Set, history, TargetScale.AsTheyAre);
            var mass = Enumerable.Range(0, all.Length).Sum(other => (double)data.Omegas[other]);
            var expected = new double[Factors];
            foreach (var entry in pooling.Pool(all).Entries.Where(entry => sequences.Space.Fields[sequences.Space.ColumnFields[entry.Column]] == "history"))
            {
                for (var d = 0; d < Factors && entry.Event != e; d++)
                {
                    expected[d] += entry.Value * Math.Sqrt(mass) * Vector(sequences.Space, table, entry.Column)[d] / Math.Sqrt(mass - data.Omegas[e]);
                }
            }

            own.ShouldNotBeEmpty();
            Close(longVector, expected, $"event {e}");
            recentVector.ShouldAllBe(value => value == 0);
        }
    }

    [Fact]
    public void What_comes_later_changes_no_earlier_row()
    {
        var sequences = new RandomSequences(7, times: true);
        var set = sequences.Set;
        var history = new HistorySettings { Length = 4, RecentHalfLife = TimeSpan.FromSeconds(500), AgeHalfLife = TimeSpan.FromSeconds(900) };
        using var table = Parameters(sequences.Space);
        var before = Pooled(sequences.Space, sequences.Set, history, table, 1000);
        for (var sequence = 2; sequence < set.SequenceCount; sequence++)
        {
            if (set.IsUnordered(sequence))
            {
                continue;
            }

            var changed = set.Starts[sequence] + ((set.Starts[sequence + 1] - set.Starts[sequence]) / 2);
            int[] itemOf = [.. set.ItemOf];
            float[] weights = [.. set.HistoryWeights!];
            (itemOf[changed], weights[changed]) = ((itemOf[changed] + 1) % set.Items.Count, 9);
            var after = Pooled(sequences.Space, set with { ItemOf = itemOf, HistoryWeights = weights }, history, table, 1000);
            var differences = 0;
            for (var row = 0; row < before.Count; row++)
            {
                if (before[row].Sequence != sequence || before[row].Event <= changed)
                {
                    after[row].Long.ShouldBe(before[row].Long);
                    after[row].Recent.ShouldBe(before[row].Recent);
                }
                else
                {
                    differences += after[row].Long.AsSpan().SequenceEqual(before[row].Long) ? 0 : 1;
                }
            }

            differences.ShouldBe(before.Count(row => row.Sequence == sequence && row.Event > changed));
        }
    }

    private static List<(int Event, int Sequence, float[] Long, float[] Recent)> Pooled(
        FeatureSpace space,
        SequenceSet set,
        HistorySettings history,
        ParameterTable table,
        int segmentEvents
    )
    {
        var data = new SequenceData(space, set, history, TargetScale.AsTheyAre);
        using var window = new HistoryWindow<Vector256<float>, Lanes8>(data, table.Stride);
        var pooled = new List<(int, int, float[], float[])>();
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            var whole = set.IsUnordered(sequence);
            for (var from = set.Starts[sequence]; from < set.Starts[sequence + 1]; from += whole ? int.MaxValue / 2 : segmentEvents)
            {
                var to = whole ? set.Starts[sequence + 1] : Math.Min(from + segmentEvents, set.Starts[sequence + 1]);
                int[] rows = [.. Enumerable.Range(from, to - from).Where(e => set.WeightOf(e) > 0)];
                using var longVectors = new NativeArray<float>((nuint)(rows.Length * table.Stride));
                using var recentVectors = new NativeArray<float>((nuint)(rows.Length * table.Stride));
                window.Forward(new(sequence, from, to, rows.Length), table.Tables(0), longVectors.Pointer, recentVectors.Pointer);
                for (var row = 0; row < rows.Length; row++)
                {
                    pooled.Add((
                        rows[row],
                        sequence,
                        new Span<float>(longVectors.Pointer + (row * table.Stride), Factors).ToArray(),
                        new Span<float>(recentVectors.Pointer + (row * table.Stride), Factors).ToArray()
                    ));
                }

                if (whole)
                {
                    break;
                }
            }
        }

        return pooled;
    }

    private static ParameterTable Parameters(FeatureSpace space)
    {
        var settings = new TrainingSettings { Factors = Factors };
        var table = new ParameterTable(space, settings, RowNumbering.Natural(space), threads: 1);
        var ones = new double[space.ColumnCount];
        Array.Fill(ones, 1);
        table.Initialise(0, ones, new(3));
        return table;
    }

    private static double[] Sum(RandomSequences sequences, ParameterTable table, PooledHistory pooled, string field)
    {
        var sum = new double[Factors];
        var row = pooled.Row;
        for (var e = 0; e < row.Length; e++)
        {
            if (sequences.Space.Fields[sequences.Space.ColumnFields[row.Columns[e]]] == field)
            {
                for (var d = 0; d < Factors; d++)
                {
                    sum[d] += row.ValueAt(e) * Vector(sequences.Space, table, row.Columns[e])[d];
                }
            }
        }

        return sum;
    }

    private static float* Vector(FeatureSpace space, ParameterTable table, int column)
    {
        var tables = table.Tables(0);
        return tables.Factors + ((nuint)space.FactorOf(column) * tables.FactorBlock);
    }

    private static void Close(float[] actual, double[] expected, string what)
    {
        var scale = expected.Max(Math.Abs) + 1e-3;
        for (var d = 0; d < actual.Length; d++)
        {
            Math.Abs(actual[d] - expected[d]).ShouldBeLessThan(2e-4 * scale, what);
        }
    }
}
