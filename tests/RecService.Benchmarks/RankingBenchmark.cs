using System.Diagnostics;
using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Layer;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using Spectre.Console;

namespace RecService.Benchmarks;

/// <summary>Ranking a catalogue of items with an id and three tags, by number of factors and by kernel, on one thread.</summary>
internal static class RankingBenchmark
{
    private const int Rounds = 5;
    private const int Catalogue = 50_000;
    private const int Tags = 500;
    private const int Requests = 100;

    public static int Run()
    {
        var space = new FeatureSpace(
            ["user", "item", "tag"],
            [.. Enumerable.Repeat(0, Requests), .. Enumerable.Repeat(1, Catalogue), .. Enumerable.Repeat(2, Tags)]
        );
        var table = new Table().AddColumns("k", "kernel", "M items/s", "ms a request");
        foreach (var factors in new[] { 8, 16, 64 })
        {
            var model = new FactorizationLayer(space, Engine.Model.Crossing.FieldPooled, factors).ToModel(Engine.Losses.Loss.Squared);
            foreach (var kernel in FactorizationKernel.All)
            {
                var ranker = new ItemRanker(model, Items(), kernel);
                var times = new double[Rounds];
                for (var round = 0; round < Rounds; round++)
                {
                    var start = Stopwatch.GetTimestamp();
                    for (var request = 0; request < Requests; request++)
                    {
                        ranker.Top(new SparseRow([request]), count: 10);
                    }

                    times[round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds / Requests;
                }

                var median = EngineBenchmark.Median(times);
                table.AddRow(
                    factors.ToString(CultureInfo.InvariantCulture),
                    kernel.Name,
                    (Catalogue / median / 1e3).ToString("F1", CultureInfo.InvariantCulture),
                    median.ToString("F3", CultureInfo.InvariantCulture)
                );
            }
        }

        AnsiConsole.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"Top 10 of a catalogue of {Catalogue:N0} items; medians of {Rounds} rounds, one thread")
        );
        AnsiConsole.Write(table);
        return 0;
    }

    private static SparseRows Items()
    {
        var random = new RandomSource(1);
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
}
