using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Benchmarks;

/// <summary>
/// How fast sequences are learned from: rows a second and, counting 6 · S · k operations a row, what share that is of the multiply-adds that the same machine
/// does in a loop of nothing else, by processor time of the same run. Then epochs by length of the history, of all items, and with two threads.
/// </summary>
internal static class SequenceBenchmark
{
    private const int Factors = 64;
    private const int Negatives = 128;
    private const int Users = 3_000;
    private const int Items = 20_000;

    private static float _sink;

    public static int Run(int rounds)
    {
        var (space, set) = Sequences(Users, Items, meanLength: 100);
        var rows = set.Count;
        Console.WriteLine($"{rows:N0} rows of {Users:N0} users, {Items:N0} items; k = {Factors}, S = {Negatives}, {FactorizationKernel.Default.Name}");
        var settings = TrainingSettings.For(Loss.Softmax) with { Factors = Factors, Negatives = Negatives, Epochs = 3 };
        var history = new HistorySettings();
        for (var round = 0; round < rounds; round++)
        {
            var peak = Peak();
            var (seconds, processor) = Epoch(space, set, settings, history);
            var operations = 6.0 * Negatives * Factors * rows;
            Console.WriteLine(
                $"one thread: {rows / seconds / 1e6:0.00} M rows/s, {operations / processor / 1e9:0.0} of {peak / 1e9:0.0} GFLOP/s = {operations / processor / peak:P0} of the peak"
            );
        }

        foreach (var length in new[] { 10, 100, 1000 })
        {
            Console.WriteLine($"history of {length}: {Epoch(space, set, settings, history with { Length = length }).Processor:0.00} s of the processor an epoch");
        }

        var whole = Epoch(space, set, settings with { Negatives = 0, Epochs = 1 }, history);
        Console.WriteLine($"all items: {whole.Wall:0.00} s an epoch, {6.0 * Items * Factors * rows / whole.Processor / Peak():P0} of the peak");
        var (one, two) = (Epoch(space, set, settings, history).Wall, Epoch(space, set, settings with { Threads = 2 }, history).Wall);
        Console.WriteLine($"two threads: {one / two:0.00} times as fast as one");
        var deterministic = settings with { Deterministic = true };
        var (slow, fast) = (Epoch(space, set, deterministic, history).Wall, Epoch(space, set, deterministic with { Threads = 2 }, history).Wall);
        Console.WriteLine($"deterministic: {one / slow:0.00} times as fast with one thread, {one / fast:0.00} with two");
        return 0;
    }

    /// <summary>The fastest epoch: seconds, and seconds of the processor.</summary>
    private static (double Wall, double Processor) Epoch(FeatureSpace space, SequenceSet set, TrainingSettings settings, HistorySettings history)
    {
        var (wall, processor) = (double.PositiveInfinity, double.PositiveInfinity);
        var before = Process.GetCurrentProcess().TotalProcessorTime;
        new SequenceTrainer(settings, history).Train(
            space,
            set,
            progress: epoch =>
            {
                var now = Process.GetCurrentProcess().TotalProcessorTime;
                (wall, processor) = (Math.Min(wall, epoch.LearningTime.TotalSeconds), Math.Min(processor, (now - before).TotalSeconds));
                before = now;
            }
        );
        return (wall, processor);
    }

    /// <summary>Operations a second of a loop of multiply-adds, in which nothing waits for another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Peak()
    {
        const int Steps = 50_000_000;
        const int Chains = 12;
        var (x, y) = (Vector512.Create(1.000001f), Vector512.Create(1e-7f));
        Vector512<float> a = x, b = 2 * x, c = 3 * x, d = 4 * x, e = 5 * x, f = 6 * x, g = 7 * x, h = 8 * x, i = 9 * x, j = 10 * x, k = 11 * x, l = 12 * x;
        var best = double.PositiveInfinity;
        for (var round = 0; round < 3; round++)
        {
            var before = Process.GetCurrentProcess().TotalProcessorTime;
            for (var step = 0; step < Steps; step++)
            {
                a = Vector512.FusedMultiplyAdd(a, x, y);
                b = Vector512.FusedMultiplyAdd(b, x, y);
                c = Vector512.FusedMultiplyAdd(c, x, y);
                d = Vector512.FusedMultiplyAdd(d, x, y);
                e = Vector512.FusedMultiplyAdd(e, x, y);
                f = Vector512.FusedMultiplyAdd(f, x, y);
                g = Vector512.FusedMultiplyAdd(g, x, y);
                h = Vector512.FusedMultiplyAdd(h, x, y);
                i = Vector512.FusedMultiplyAdd(i, x, y);
                j = Vector512.FusedMultiplyAdd(j, x, y);
                k = Vector512.FusedMultiplyAdd(k, x, y);
                l = Vector512.FusedMultiplyAdd(l, x, y);
            }

            best = Math.Min(best, (Process.GetCurrentProcess().TotalProcessorTime - before).TotalSeconds);
        }

        // What nobody reads would not be computed.
        _sink = Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
        return 2.0 * Vector512<float>.Count * Chains * Steps / best;
    }

    /// <summary>Users with sequences of geometric lengths, and items by Zipf's law.</summary>
    private static (FeatureSpace Space, SequenceSet Set) Sequences(int users, int items, int meanLength)
    {
        var random = new RandomSource(7);
        var cumulated = new double[items];
        for (var item = 0; item < items; item++)
        {
            cumulated[item] = (item == 0 ? 0 : cumulated[item - 1]) + (1.0 / (item + 20));
        }

        var (starts, itemOf) = (new int[users + 1], new List<int>());
        for (var user = 0; user < users; user++)
        {
            var length = 2 + (int)(-Math.Log(1 - random.NextDouble()) * meanLength);
            for (var e = 0; e < length; e++)
            {
                var place = Array.BinarySearch(cumulated, random.NextDouble() * cumulated[^1]);
                itemOf.Add(Math.Min(place < 0 ? ~place : place, items - 1));
            }

            starts[user + 1] = itemOf.Count;
        }

        var space = new FeatureSpace(
            ["item", "history", "history.recent"],
            [.. Enumerable.Range(0, 3 * items).Select(column => column / items)]
        );
        SparseRows Columns(int first)
        {
            var rows = new SparseRowsBuilder();
            for (var item = 0; item < items; item++)
            {
                rows.Add(first + item);
                rows.EndRow();
            }

            return rows.Build();
        }

        var none = new SparseRowsBuilder();
        none.EndRow();
        return (
            space,
            new()
            {
                Users = none.Build(),
                Items = Columns(0),
                Roles = new(Columns(items), Columns(2 * items), null),
                Starts = starts,
                UserOf = new int[users],
                ItemOf = [.. itemOf],
            }
        );
    }
}
