using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RecService.Engine.Data;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;
using Spectre.Console;

namespace RecService.Benchmarks;

/// <summary>Training, scoring and ranking on generated data, by number of factors and by kernel: medians of several rounds, on one thread.</summary>
internal static class EngineBenchmark
{
    private const int Rounds = 5;
    private const int Catalogue = 50_000;
    private const int RankedRequests = 100;

    public static int Run()
    {
        var (space, examples) = Examples();
        var results = new List<Result>();
        foreach (var factors in new[] { 8, 16, 64 })
        {
            foreach (var kernel in FactorizationKernel.All)
                results.Add(Measure(space, examples, factors, kernel));
        }
        Print(results, examples.Count);
        var file = Path.GetFullPath(Path.Combine("artifacts", "bench-engine.json"));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, JsonSerializer.Serialize(results, JsonSerializerOptions.Web));
        AnsiConsole.WriteLine($"Written to {file}");
        return 0;
    }

    private static Result Measure(FeatureSpace space, ExampleSet examples, int factors, FactorizationKernel kernel)
    {
        var trainer = new Trainer(new() { Factors = factors, Epochs = 1, KernelName = kernel.Name });
        TrainingResult trained = trainer.Train(space, examples);
        var scorer = new Scorer(trained.Model, kernel);
        var items = RandomItems(space, Catalogue);
        var ranker = new ItemRanker(trained.Model, items, kernel);
        var row = new RowBuffer();
        var sum = 0f;
        return new(
            factors,
            kernel.Name,
            Median(() => trainer.Train(space, examples), examples.Count),
            Median(() =>
            {
                for (var example = 0; example < examples.Count; example++)
                    sum += scorer.Score(examples.Gather(example, row));
            }, examples.Count),
            Median(() =>
            {
                for (var request = 0; request < RankedRequests; request++)
                    sum += ranker.Top(examples.Blocks[0][request], count: 10)[0].Score;
            }, (long)RankedRequests * Catalogue));
    }

    /// <summary>Ratings of the generator as rows of user, item and context features.</summary>
    private static (FeatureSpace Space, ExampleSet Examples) Examples()
    {
        var truth = GroundTruth.Create(new() { Users = 5_000, Items = 2_000, Interactions = 200_000 });
        var users = truth.Users.Select((u, i) => (u.Id, i)).ToDictionary(u => u.Id, u => u.i, StringComparer.Ordinal);
        var items = truth.Items.Select((t, i) => (t.Id, i)).ToDictionary(t => t.Id, t => t.i, StringComparer.Ordinal);
        var interactions = truth.Interactions().ToList();
        var contexts = interactions.Select(i => i.ToContextFeatures()).ToList();
        var builder = new FeatureIndexBuilder();
        foreach (var user in truth.Users)
            builder.CountUser(user.ToFeatures(), 1);
        foreach (var item in truth.Items)
            builder.CountItem(item.ToFeatures(), 1);
        foreach (var context in contexts)
            builder.CountContext(context, 1);
        var (space, index) = builder.Build(minimumCount: 1);
        return (space, new(
            [Rows(truth.Users.Select(u => u.ToFeatures()), index.AppendUser), Rows(truth.Items.Select(i => i.ToFeatures()), index.AppendItem), Rows(contexts, index.AppendContext)],
            [[.. interactions.Select(i => users[i.UserId])], [.. interactions.Select(i => items[i.ItemId])], null],
            [.. interactions.Select(i => (float)i.Value!.Value)]));
    }

    private static SparseRows Rows(IEnumerable<EntityFeatures> entities, Action<EntityFeatures, RowBuffer> append)
    {
        var rows = new SparseRowsBuilder();
        var buffer = new RowBuffer();
        foreach (var entity in entities)
        {
            buffer.Clear();
            append(entity, buffer);
            rows.Add(buffer.Row);
            rows.EndRow();
        }
        return rows.Build();
    }

    /// <summary>Items of one id and three tags each, to rank a larger catalogue than the ratings have.</summary>
    private static SparseRows RandomItems(FeatureSpace space, int count)
    {
        var random = new RandomSource(1);
        var byField = Enumerable.Range(0, space.ColumnCount).ToLookup(column => space.Fields[space.ColumnFields[column]], StringComparer.Ordinal);
        int[] ids = [.. byField["item"]];
        int[] tags = [.. byField["tag"]];
        var rows = new SparseRowsBuilder();
        for (var item = 0; item < count; item++)
        {
            rows.Add(ids[random.Below(ids.Length)]);
            for (var tag = 0; tag < 3; tag++)
                rows.Add(tags[random.Below(tags.Length)], 1 / MathF.Sqrt(3));
            rows.EndRow();
        }
        return rows.Build();
    }

    /// <summary>Millions a second.</summary>
    private static double Median(Action work, long count)
    {
        var rates = new double[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            rates[round] = count / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e6;
        }
        Array.Sort(rates);
        return rates[Rounds / 2];
    }

    private static void Print(List<Result> results, int examples)
    {
        AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{examples:N0} generated ratings, a catalogue of {Catalogue:N0} items; millions a second, median of {Rounds}, one thread"));
        var table = new Table().AddColumns("k", "kernel", "train, examples", "score, rows", "rank, items");
        foreach (var result in results)
        {
            table.AddRow(result.Factors.ToString(CultureInfo.InvariantCulture), result.Kernel,
                result.TrainedExamples.ToString("F2", CultureInfo.InvariantCulture),
                result.ScoredRows.ToString("F2", CultureInfo.InvariantCulture),
                result.RankedItems.ToString("F1", CultureInfo.InvariantCulture));
        }
        AnsiConsole.Write(table);
    }

    /// <summary>Millions of examples trained, rows scored and items ranked a second.</summary>
    private sealed record Result(int Factors, string Kernel, double TrainedExamples, double ScoredRows, double RankedItems);
}
