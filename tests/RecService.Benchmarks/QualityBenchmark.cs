using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>
/// How well the service recommends over REST with its own settings: what each user of <c>train.tsv</c> did is posted, a model is trained, and each user
/// of <c>test.tsv</c> is asked for, whose next item is known. Then the same for users whom the model has not seen: it is trained without them, and what
/// they did is posted afterwards.
/// </summary>
internal static class QualityBenchmark
{
    private const int Count = 10;
    private const int MostPopular = 1_000;
    private const int BatchSize = 1_000;

    // A positive of any one type: with a single one, its weight does not matter.
    private const string Type = "purchase";

    private static readonly TimeSpan ModelLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    /// <param name="folder">
    /// With <c>train.tsv</c> and <c>test.tsv</c>: user, tab and item a line, of each user in the order of time; in <c>test.tsv</c> a user stands once.
    /// </param>
    /// <param name="seeds">Models of all users, with seeds from 1 on.</param>
    /// <param name="folds">Models without a share of the users each; 0 for none.</param>
    public static async Task<int> RunAsync(string folder, int seeds, int folds)
    {
        var data = Data.Read(folder);
        Console.WriteLine(
            $"{data.Train.Length:N0} interactions of {data.Users:N0} users with {data.Items:N0} items, then the next item of {data.Test.Length:N0} users."
        );
        Console.WriteLine(
            $"The best {Count} of all items that the user has not had, with the service's own settings; ± is half of the 95 % interval."
        );
        Console.WriteLine(
            $"{"", -24}{"users", 7}{"HR@10", 9}{"±", 7}{"NDCG@10", 9}{"±", 7}{"by history", 12}{"load s", 8}{"training s", 12}{"epochs", 8}{"p50 ms", 9}{"p99 ms", 9}"
        );

        var ofSeeds = new List<Figures>();
        for (var seed = 1; seed <= seeds; seed++)
        {
            using var service = await StartAsync(seed);
            using var client = service.Client(connections: 1);
            var (load, training) = await PrepareAsync(client, data.Train);
            if (seed == 1)
            {
                Print("popularity", await PopularityAsync(client, data));
            }

            ofSeeds.Add(await AskAsync(client, data.Test, load, training));
            Print($"seed {seed}", ofSeeds[^1]);
        }

        double hitRate = EngineBenchmark.Median(ofSeeds.Select(each => each.HitRate.Mean)),
            ndcg = EngineBenchmark.Median(ofSeeds.Select(each => each.Ndcg.Mean));
        Console.WriteLine($"{"median of the seeds", -24}{data.Test.Length, 7:N0}{hitRate, 9:F4}{"", 7}{ndcg, 9:F4}");

        var ofFolds = new List<Figures>();
        for (var fold = 0; fold < folds; fold++)
        {
            var unseen = data.Test.Where((_, i) => i % folds == fold).ToArray();
            var names = unseen.Select(pair => pair.User).ToHashSet(StringComparer.Ordinal);
            // The seeds take turns, as what a fold is compared with is of all seeds.
            using var service = await StartAsync(1 + (fold % seeds));
            using var client = service.Client(connections: 1);
            var (load, training) = await PrepareAsync(client, [.. data.Train.Where(row => !names.Contains(row.User))]);
            await PostAsync(client, [.. data.Train.Where(row => names.Contains(row.User))]);
            ofFolds.Add(await AskAsync(client, unseen, load, training));
            Print($"unseen, fold {fold + 1}", ofFolds[^1]);
        }

        if (folds > 0)
        {
            // In the order of the test users again, as those of the seeds are.
            Figures all = new([.. data.Test.Select((_, i) => ofFolds[i % folds].Ranks[i / folds])]);
            Print("unseen, all folds", all);
            var (ofHits, ofGains) = (Ratio(figures => figures.Hits, hitRate), Ratio(figures => figures.Gains, ndcg));
            Console.WriteLine($"Unseen users have {ofHits} of the median HR@10 and {ofGains} of the median NDCG@10 (± of the differences by user).");

            string Ratio(Func<Figures, double[]> figure, double median)
            {
                var ratio = figure(all).Average() / median;
                var seen = ofSeeds.Select(figure).ToArray();
                var margin = Figures.Estimate([.. figure(all).Select((unseen, i) => unseen - (ratio * seen.Average(each => each[i])))]).Margin;
                return $"{ratio:P1} ± {margin / median:P1}";
            }
        }

        return 0;
    }

    // A run by the schedule would train before all is loaded.
    private static Task<ServiceProcess> StartAsync(int seed) =>
        ServiceProcess.StartAsync(("Training:Enabled", "false"), ("Training:Seed", seed.ToString(CultureInfo.InvariantCulture)));

    private static async Task<(TimeSpan Load, Training Training)> PrepareAsync(HttpClient client, Row[] rows)
    {
        var start = Stopwatch.GetTimestamp();
        await PostAsync(client, rows);
        return (Stopwatch.GetElapsedTime(start), await TrainAsync(client));
    }

    private static async Task PostAsync(HttpClient client, Row[] rows)
    {
        foreach (var batch in rows.Chunk(BatchSize))
        {
            var interactions = batch.Select(row => new
            {
                userId = row.User,
                itemId = row.Item,
                type = Type,
                occurredAt = row.Time,
            });
            using var answer = await client.PostAsJsonAsync("/v1/interactions", new { interactions });
            var accepted = (await ReadAsync(answer)).GetProperty("accepted").GetInt32();
            if (accepted != batch.Length)
            {
                throw new InvalidOperationException($"{accepted} of {batch.Length} interactions were accepted.");
            }
        }
    }

    /// <summary>Trains, and waits until the model ranks.</summary>
    private static async Task<Training> TrainAsync(HttpClient client)
    {
        using var started = await client.PostAsync("/v1/training-runs", content: null);
        var run = (await ReadAsync(started)).GetProperty("runId").GetInt64();
        var start = Stopwatch.GetTimestamp();
        JsonElement state;
        while ((state = await client.GetFromJsonAsync<JsonElement>($"/v1/training-runs/{run}")).GetProperty("status").GetString() == "running")
        {
            await WaitAsync(start);
        }

        if (state.GetProperty("modelVersion") is not { ValueKind: JsonValueKind.Number } version)
        {
            throw new InvalidOperationException($"There is no model: {state}");
        }

        while (await ModelAsync(client) != version.GetInt64())
        {
            await WaitAsync(start);
        }

        var took = state.GetProperty("finishedAt").GetDateTimeOffset() - state.GetProperty("startedAt").GetDateTimeOffset();
        return new(took, state.GetProperty("bestEpoch").GetInt32());
    }

    private static async Task<long?> ModelAsync(HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync("/v1/recommendations", new { count = 1 });
        return (await ReadAsync(answer)).GetProperty("modelVersion") is { ValueKind: JsonValueKind.Number } version ? version.GetInt64() : null;
    }

    private static async Task WaitAsync(long start)
    {
        if (Stopwatch.GetElapsedTime(start) > ModelLimit)
        {
            throw new InvalidOperationException($"There is no model after {ModelLimit}.");
        }

        await Task.Delay(PollInterval);
    }

    private static async Task<Figures> AskAsync(HttpClient client, Row[] test, TimeSpan load, Training training)
    {
        var (ranks, latencies, byHistory) = (new List<int>(), new List<double>(), 0);
        foreach (var row in test)
        {
            var sent = Stopwatch.GetTimestamp();
            using var answer = await client.PostAsJsonAsync("/v1/recommendations", new { userId = row.User, count = Count });
            var body = await ReadAsync(answer);
            latencies.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            ranks.Add(1 + Array.IndexOf(ItemsOf(body), row.Item));
            byHistory += body.GetProperty("personalization").GetString() == "history" ? 1 : 0;
        }

        return new([.. ranks], byHistory, load, training, [.. latencies.Order()]);
    }

    /// <summary>The most popular items less what the user has had.</summary>
    private static async Task<Figures> PopularityAsync(HttpClient client, Data data)
    {
        using var answer = await client.GetAsync($"/v1/recommendations/popular?count={MostPopular}");
        var popular = ItemsOf(await ReadAsync(answer));
        var had = data.Train.ToLookup(row => row.User, row => row.Item, StringComparer.Ordinal);
        return new([.. data.Test.Select(row => 1 + Array.IndexOf([.. popular.Except(had[row.User], StringComparer.Ordinal).Take(Count)], row.Item))]);
    }

    private static string[] ItemsOf(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer) =>
        answer.IsSuccessStatusCode
            ? await answer.Content.ReadFromJsonAsync<JsonElement>()
            : throw new InvalidOperationException($"The answer is {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");

    private static void Print(string name, Figures figures)
    {
        var quality = $"{figures.HitRate.Mean, 9:F4}{figures.HitRate.Margin, 7:F4}{figures.Ndcg.Mean, 9:F4}{figures.Ndcg.Margin, 7:F4}";
        var run = figures.Training is { } training
            ? $"{figures.ByHistory, 12:N0}{figures.Load.TotalSeconds, 8:F1}{training.Time.TotalSeconds, 12:F1}{training.Epochs, 8}"
                + $"{figures.Latency(0.5), 9:F2}{figures.Latency(0.99), 9:F2}"
            : "";
        Console.WriteLine($"{name, -24}{figures.Ranks.Length, 7:N0}{quality}{run}");
    }

    private readonly record struct Row(string User, string Item, DateTimeOffset Time);

    /// <param name="Time">From the start of the run to its end.</param>
    /// <param name="Epochs">Of the model that is served.</param>
    private sealed record Training(TimeSpan Time, int Epochs);

    /// <param name="Ranks">Of the item of each test user, from 1; 0: it is not among the best.</param>
    /// <param name="ByHistory">Answers that rest on what the user did.</param>
    /// <param name="Load">The time to post the interactions that were trained on.</param>
    /// <param name="Training">How the model was made; null where none ranked.</param>
    /// <param name="Latencies">Of the requests, in milliseconds, sorted.</param>
    private sealed record Figures(int[] Ranks, int ByHistory = 0, TimeSpan Load = default, Training? Training = null, double[]? Latencies = null)
    {
        public double[] Hits => [.. Ranks.Select(rank => rank == 0 ? 0.0 : 1)];

        public double[] Gains => [.. Ranks.Select(rank => rank == 0 ? 0 : 1 / Math.Log2(rank + 1))];

        public (double Mean, double Margin) HitRate => Estimate(Hits);

        public (double Mean, double Margin) Ndcg => Estimate(Gains);

        public double Latency(double share) => Latencies![(int)(share * (Latencies.Length - 1))];

        /// <summary>The mean, and half of its 95 % interval.</summary>
        public static (double Mean, double Margin) Estimate(double[] values)
        {
            var mean = values.Average();
            var variance = values.Sum(value => Math.Pow(value - mean, 2)) / (values.Length - 1);
            return (mean, 1.96 * Math.Sqrt(variance / values.Length));
        }
    }

    private sealed record Data(Row[] Train, Row[] Test)
    {
        public int Users => Train.Select(row => row.User).Distinct(StringComparer.Ordinal).Count();

        public int Items => Train.Select(row => row.Item).Distinct(StringComparer.Ordinal).Count();

        public static Data Read(string folder)
        {
            var train = ReadPairs(Path.Combine(folder, "train.tsv"));
            // A second apart, the newest just now: the files tell the order alone, and by default nothing else counts.
            var first = DateTimeOffset.UtcNow.AddSeconds(-train.Length);
            return new(
                [.. train.Select((pair, i) => new Row(pair.User, pair.Item, first.AddSeconds(i)))],
                [.. ReadPairs(Path.Combine(folder, "test.tsv")).Select(pair => new Row(pair.User, pair.Item, default))]
            );
        }

        private static (string User, string Item)[] ReadPairs(string file) =>
            [
                .. File.ReadLines(file)
                    .Select(
                        (line, i) =>
                            line.Split('\t') is [var user, var item]
                                ? (user, item)
                                : throw new InvalidDataException($"{file}, line {i + 1}: not a user, a tab and an item.")
                    ),
            ];
    }
}
