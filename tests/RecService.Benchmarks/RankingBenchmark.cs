using System.Diagnostics;
using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using Spectre.Console;

namespace RecService.Benchmarks;

/// <summary>
/// Ranking a million items with an id and three tags, 32 factors, on one thread, beside what no ranking that looks at every vector can be faster than: reading
/// them once.
/// </summary>
internal static class RankingBenchmark
{
    private const int Rounds = 15;
    private const int Catalogue = 1_000_000;
    private const int Factors = 32;
    private const int Tags = 500;
    private const int Requests = 32;
    private const int Count = 10;

    public static int Run()
    {
        var random = new RandomSource(1);
        var ranker = new ItemRanker(Model(random), Items(random));
        using var floor = new NativeArray<float>((nuint)(Catalogue * Factors));
        var inFloats = new ItemRanker(ranker.Model, ranker.ItemRows) { InFloats = true };
        var (few, half) = (new ItemSet(Catalogue), new ItemSet(Catalogue));
        for (var item = 0; item < Catalogue; item++)
        {
            few[item] = random.NextDouble() < 0.01;
            half[item] = random.NextDouble() < 0.5;
        }

        var changed = SparseRows.FromDense([1], 1, 1);
        RankingRequest[] requests = [.. Enumerable.Range(0, Requests).Select(request => new RankingRequest(Row(request), Count))];
        Way[] ways =
        [
            new("floor: the vectors read once", _ => MemoryFloor.Read(floor)),
            new("in floats", request => inFloats.Top(new([request]), Count)),
            new("in bytes first", request => ranker.Top(new([request]), Count)),
            new("a filter that keeps 50 %", request => ranker.Top(new([request]), Count, half)),
            new("a filter that keeps 1 %", request => ranker.Top(new([request]), Count, few)),
            new("top 100", request => ranker.Top(new([request]), 100)),
            new("similar items", request => ranker.Similar(request, Count)),
            new($"{Requests} requests at once, each", _ => ranker.TopMany(requests), Requests),
            new("to change an item", request => ranker.With([request], changed)),
            new("two threads", request => ranker.Top(new([request]), Count, threads: 2)),
        ];
        var best = ways.Select(_ => double.PositiveInfinity).ToArray();
        // The first round is for the compiler. Ways take turns, so that what else the machine does meets all of them.
        for (var round = 0; round <= Rounds; round++)
        {
            for (var way = 0; way < ways.Length; way++)
            {
                var time = TimeOf(ways[way], round);
                best[way] = round == 0 ? best[way] : Math.Min(best[way], time);
            }
        }

        var table = new Table().AddColumns("way", "ms a request", "times the floor");
        foreach (var (way, time) in ways.Zip(best))
        {
            table.AddRow(way.Name, Shown(time), Shown(time / best[0]));
        }

        AnsiConsole.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"Top {Count} of {Catalogue:N0} items, k = {Factors}; the best of {Rounds} rounds, one thread")
        );
        AnsiConsole.Write(table);
        return 0;
    }

    /// <summary>Milliseconds of a request, the mean of a few.</summary>
    private static double TimeOf(Way way, int round)
    {
        const int Calls = 4;
        var start = Stopwatch.GetTimestamp();
        for (var call = 0; call < Calls; call++)
        {
            way.Rank(((round * Calls) + call) % Requests);
        }

        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / (Calls * way.Of);
    }

    private static RowBuffer Row(int request)
    {
        var row = new RowBuffer();
        row.Add(request);
        return row;
    }

    private static string Shown(double figure) => figure.ToString("F3", CultureInfo.InvariantCulture);

    private static FactorizationModel Model(RandomSource random)
    {
        var space = new FeatureSpace(
            ["user", "item", "tag"],
            [.. Enumerable.Repeat(0, Requests), .. Enumerable.Repeat(1, Catalogue), .. Enumerable.Repeat(2, Tags)]
        );
        var table = new float[space.FactorCount * Factors];
        foreach (ref var factor in table.AsSpan())
        {
            factor = (float)random.NextNormal();
        }

        float[] weights = [.. Enumerable.Range(0, space.ColumnCount).Select(_ => (float)random.NextNormal())];
        return new(space, Crossing.FieldPooled, Loss.Squared, Factors, 0, weights, table);
    }

    private static SparseRows Items(RandomSource random)
    {
        var rows = new SparseRowsBuilder();
        for (var item = 0; item < Catalogue; item++)
        {
            rows.Add(Requests + item);
            for (var tag = 0; tag < 3; tag++)
            {
                rows.Add(Requests + Catalogue + random.Below(Tags), 1 / MathF.Sqrt(3));
            }

            rows.EndRow();
        }

        return rows.Build();
    }

    /// <summary>A way of ranking.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Rank">Ranks for a request.</param>
    /// <param name="Of">How many requests that is for.</param>
    private sealed record Way(string Name, Action<int> Rank, int Of = 1);
}
