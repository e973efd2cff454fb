using System.Text;

namespace RecService.Benchmarks;

/// <summary>
/// Latencies of recommendations and of single interactions beside those who flood the service, and the same without them before each flood: bombs,
/// readers and watchers as in <see cref="Floods"/>. Ends with 1 when recommendations take more than twice as long beside one of the floods, or one of
/// them fails.
/// </summary>
internal static class FloodBenchmark
{
    private const int Users = 2_000;
    private const int Items = 2_000;
    private const int Favourites = 20;
    private const int FirstInteractions = 200_000;
    private const int WarningsToPrint = 5;
    private const double MostTimes = 2;
    private const string Recommendations = "recommendations";
    private const string Ingest = "single interactions";

    // Floods take a while to be felt, and to drain away.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(int seconds)
    {
        using var service = await ServiceProcess.StartAsync(("Training:Enabled", "false"), ("Training:Epochs", "3"));
        // Those who wait for their answers keep no one else's request waiting.
        using var client = service.Client(connections: int.MaxValue);
        using var flooding = service.Client(connections: int.MaxValue);
        var traffic = new SyntheticTraffic(Users, Items, Favourites);
        var start = DateTimeOffset.UtcNow.AddDays(-30);
        var lines = Enumerable.Range(0, FirstInteractions).Select(i => traffic.Next(start.AddSeconds(12 * i)).ToJson());
        using (
            var answer = await client.PostAsync(
                "/v1/interactions/import",
                new StringContent(string.Join('\n', lines), Encoding.UTF8, "application/x-ndjson")
            )
        )
        {
            answer.EnsureSuccessStatusCode();
        }

        await client.TrainAsync();
        Operation[] operations =
        [
            new(Recommendations, 40, _ =>
                Post("/v1/recommendations", $"{{\"userId\":\"{SyntheticTraffic.UserId(traffic.NextUser())}\",\"count\":20}}")
            ),
            new(Ingest, 20, _ => Post("/v1/interactions", $"{{\"interactions\":[{traffic.Next(DateTimeOffset.UtcNow).ToJson()}]}}")),
        ];
        await MeasureAsync(client, operations, WarmUp);

        Console.WriteLine(
            $"Latencies in ms, of {string.Join(" and ", operations.Select(each => $"{each.PerSecond} {each.Name}"))} a second, for {seconds} s each."
        );
        Console.WriteLine($"{"",52}{Recommendations,-32}{Ingest}");
        Console.WriteLine($"{"",52}{"p50",8}{"p99",8}{"errors",8}{"",8}{"p50",8}{"p99",8}{"errors",8}");
        var duration = TimeSpan.FromSeconds(seconds);
        var floods = new Floods(service, flooding);
        var within = true;
        foreach (var (name, flood) in floods.All)
        {
            var quiet = await MeasureAsync(client, operations, duration);
            Print("nothing", quiet);
            floods.Answers.Clear();
            using var end = new CancellationTokenSource();
            var running = flood(end.Token);
            await Task.Delay(Settling);
            var beside = await MeasureAsync(client, operations, duration);
            await end.CancelAsync();
            await running;
            Print(name, beside);
            within &= PrintRatios(quiet, beside);
            Console.WriteLine(
                $"{"",8}{string.Join(", ", floods.Answers.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => $"{each.Value} × {each.Key}"))}"
            );
            await Task.Delay(Settling);
        }

        Console.WriteLine($"{service.Warnings.Count:N0} warnings and errors in the log of the service");
        foreach (var line in service.Warnings.Take(WarningsToPrint))
        {
            Console.WriteLine($"  {line}");
        }

        return within ? 0 : 1;
    }

    private static async Task<Latencies[]> MeasureAsync(HttpClient client, Operation[] operations, TimeSpan duration)
    {
        var load = new OpenLoop(client, operations);
        await load.StartAsync(duration);
        var outcomes = load.TakeOutcomes();
        return [.. operations.Select(operation => Latencies.Of(outcomes.Where(outcome => outcome.Operation == operation)))];
    }

    private static void Print(string name, Latencies[] latencies) =>
        Console.WriteLine(
            $"{name,-52}{string.Join("        ", latencies.Select(each => $"{each.Median,8:F1}{each.Percentile99,8:F1}{each.Errors,8}"))}"
        );

    /// <summary>Tells whether recommendations have come without errors, and in time.</summary>
    private static bool PrintRatios(Latencies[] quiet, Latencies[] beside)
    {
        var ratios = quiet.Zip(beside, (before, after) =>
            (Median: after.Median / before.Median, Percentile99: after.Percentile99 / before.Percentile99)
        );
        Console.WriteLine(
            $"{"    times as long",-52}{string.Join("                ", ratios.Select(each => $"{each.Median,8:F2}{each.Percentile99,8:F2}"))}"
        );
        var (median, percentile99) = ratios.First();
        return median <= MostTimes && percentile99 <= MostTimes && beside[0].Errors == 0;
    }

    private static HttpRequestMessage Post(string path, string body) =>
        new(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private sealed record Latencies(double Median, double Percentile99, int Errors)
    {
        public static Latencies Of(IEnumerable<Outcome> outcomes)
        {
            var all = outcomes.ToList();
            double[] sorted = [.. all.Where(outcome => outcome.Error is null).Select(outcome => outcome.Latency.TotalMilliseconds).Order()];
            return sorted.Length == 0
                ? new(double.NaN, double.NaN, all.Count)
                : new(sorted[sorted.Length / 2], sorted[(int)(0.99 * (sorted.Length - 1))], all.Count - sorted.Length);
        }
    }
}
