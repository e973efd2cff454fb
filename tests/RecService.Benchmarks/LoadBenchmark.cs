using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>
/// Hours of mixed load in small: interactions, scoring, changes of the catalogue, erasures, and a training run every minute. Requests are sent when
/// they are due,
/// whatever became of those before, and their latency counts from that moment, so that a stall of the service delays all that fall into it. Ends with
/// 1 after an
/// error, or when what is stored is not what was acknowledged.
/// </summary>
internal static class LoadBenchmark
{
    private const int Users = 4_000;
    private const int Items = 5_000;
    private const int Favourites = 20;
    private const int FirstInteractions = 300_000;
    private const int InteractionsOfLeaver = 20;
    private const int WarningsToPrint = 5;
    private const string RecommendationsName = "recommendations";
    private const string ArrivalsName = "users that come";
    private const string ErasuresName = "users erased";
    private const double Mebibyte = 1024 * 1024;

    // A model is published after the end of its run, which costs time too.
    private static readonly TimeSpan Publication = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan FirstModelLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromMinutes(2);

    /// <param name="minutes">How long.</param>
    /// <param name="lookers">How many people have the dashboard open in every other minute.</param>
    public static async Task<int> RunAsync(int minutes, int lookers = 0)
    {
        // Of the lookers, all come from one address.
        using var service = await ServiceProcess.StartAsync(("Training:Interval", "00:01:00"), ("Access:AnonymousLimit:PerSecond", "0"));
        using var client = service.Client(connections: int.MaxValue);
        var traffic = new SyntheticTraffic(Users, Items, Favourites);
        await PrepareAsync(client, traffic);

        var operations = Operations(traffic);
        PrintHead(operations);
        var load = new OpenLoop(client, operations);
        var sending = load.StartAsync(TimeSpan.FromMinutes(minutes));
        var dashboard = new DashboardLookers(client.BaseAddress!, service.Key);
        var looking = dashboard.LookAsync(lookers, TimeSpan.FromMinutes(minutes));
        var start = Stopwatch.GetTimestamp();
        var (alone, looked) = (new List<double>(), new List<double>());
        var memory = new List<(TimeSpan Time, double Mebibytes)>();
        var recommendations = new List<(double Milliseconds, bool InRun)>();
        for (var minute = 1; minute <= minutes; minute++)
        {
            var samples = memory.Count;
            while (Stopwatch.GetElapsedTime(start) is var now && now < TimeSpan.FromMinutes(minute))
            {
                memory.Add((now, service.ServiceMemory() / Mebibyte));
                await Task.Delay(TimeSpan.FromSeconds(1));
            }

            var outcomes = load.TakeOutcomes();
            var latest = Recommendations(outcomes, await RunsAsync(client));
            await PrintMinuteAsync(service, minute, outcomes, latest, [.. memory.Skip(samples).Select(sample => sample.Mebibytes)]);
            recommendations.AddRange(latest);
            (DashboardLookers.LookIn(minute) ? looked : alone).AddRange(latest.Select(each => each.Milliseconds));
        }

        await sending.WaitAsync(DrainLimit);
        await looking.WaitAsync(DrainLimit);
        if (lookers > 0 && looked.Count > 0)
        {
            Console.WriteLine();
            Console.WriteLine($"{lookers} sessions of the dashboard in every other minute, {dashboard.Answered:N0} pages and parts of pages. Recommendations, ms:");
            Console.WriteLine($"  without: p50 {Quantile(alone, 0.5):F1}, p99 {Quantile(alone, 0.99):F1}");
            Console.WriteLine($"  with:    p50 {Quantile(looked, 0.5):F1}, p99 {Quantile(looked, 0.99):F1}");
        }

        return await SummaryAsync(service, load, memory, recommendations) ? 0 : 1;
    }

    private static void PrintHead(Operation[] operations)
    {
        Console.WriteLine(
            $"{FirstInteractions:N0} interactions of {Users:N0} users with {Items:N0} items; a training run every minute. Requests a second:"
        );
        Console.WriteLine($"  {string.Join(", ", operations.Select(each => $"{each.Name} {each.PerSecond:0.##}"))}");
        Console.WriteLine(
            $"Latencies of recommendations are in ms, from when they were due: during runs (until {Publication.TotalSeconds} s after their ends), and else."
        );
        Console.WriteLine("Memory is in MiB: the service's resident set (mean and greatest of the minute), and PostgreSQL's proportional set.");
        Console.WriteLine($"{"",32}{"during runs",18}{"else",18}{"service",18}");
        Console.WriteLine(
            $"{"minute",8}{"requests",12}{"errors",12}{"p50",9}{"p99",9}{"p50",9}{"p99",9}{"mean",9}{"most",9}{"PostgreSQL",12}{"models",8}{"runs",8}{"database MiB",14}"
        );
    }

    private static async Task PrintMinuteAsync(
        ServiceProcess service,
        int minute,
        List<Outcome> outcomes,
        List<(double Milliseconds, bool InRun)> recommendations,
        double[] memory
    )
    {
        const string models = "SELECT count(*) FROM models WHERE pruned_at IS NULL";
        const string runs = "SELECT count(*) FROM training_runs WHERE status = 'succeeded'";
        var stored = (await service.PsqlAsync($"SELECT ({models}), ({runs}), pg_database_size(current_database()) / 1048576")).Split('|');
        Console.WriteLine(
            $"{minute,8}{outcomes.Count,12:N0}{outcomes.Count(outcome => outcome.Error is not null),12:N0}{Latencies(inRun: true)}{Latencies(inRun: false)}"
                + $"{memory.Average(),9:F0}{memory.Max(),9:F0}{service.DatabaseMemory() / Mebibyte,12:F0}{stored[0],8}{stored[1],8}{stored[2],14}"
        );

        string Latencies(bool inRun) => $"{Quantile(recommendations, inRun, 0.5),9:F1}{Quantile(recommendations, inRun, 0.99),9:F1}";
    }

    private static List<(double Milliseconds, bool InRun)> Recommendations(
        List<Outcome> outcomes,
        List<(DateTimeOffset Start, DateTimeOffset End)> runs
    ) =>
        [
            .. outcomes
                .Where(outcome => outcome.Operation.Name == RecommendationsName && outcome.Error is null)
                .Select(outcome =>
                    (outcome.Latency.TotalMilliseconds, runs.Exists(run => run.Start < outcome.Due + outcome.Latency && outcome.Due < run.End))
                ),
        ];

    private static async Task PrepareAsync(HttpClient client, SyntheticTraffic traffic)
    {
        var items = Enumerable.Range(0, Items).Select(item => $"{{\"itemId\":\"{SyntheticTraffic.ItemId(item)}\",{ItemBody(item, traffic)}}}");
        var start = DateTimeOffset.UtcNow.AddDays(-30);
        var interactions = Enumerable.Range(0, FirstInteractions).Select(i => traffic.Next(start.AddSeconds(8 * i)).ToJson());
        foreach (var (path, lines) in new[] { ("/v1/items/import", items), ("/v1/interactions/import", interactions) })
        {
            using var answer = await client.PostAsync(path, new StringContent(string.Join('\n', lines), Encoding.UTF8, "application/x-ndjson"));
            answer.EnsureSuccessStatusCode();
        }

        // Conflict: the schedule has started one already.
        using var run = await client.PostAsync("/v1/training-runs", content: null);
        var watch = Stopwatch.StartNew();
        while (await client.GetFromJsonAsync<JsonElement>("/v1/models") is var answer && answer.GetProperty("models").GetArrayLength() == 0)
        {
            if (watch.Elapsed > FirstModelLimit)
            {
                throw new InvalidOperationException($"There is no model after {FirstModelLimit}.");
            }

            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        // It is stored, and served within a second.
        await Task.Delay(Publication);
    }

    private static Operation[] Operations(SyntheticTraffic traffic)
    {
        string User() => SyntheticTraffic.UserId(traffic.NextUser());
        string Item() => SyntheticTraffic.ItemId(traffic.NextItem());
        string ItemIds(int count) => string.Join(',', Enumerable.Range(0, count).Select(_ => Item()).Distinct().Select(item => $"\"{item}\""));
        SyntheticInteraction Interaction() => traffic.Next(DateTimeOffset.UtcNow);
        return
        [
            new("single interactions", 20, _ => Batch([Interaction()]), Interactions: 1),
            new("batches of 100", 2, _ => Batch(Enumerable.Range(0, 100).Select(_ => Interaction())), Interactions: 100),
            new(RecommendationsName, 60, _ => Post("/v1/recommendations", $"{{\"userId\":\"{User()}\",{Interaction().Context},\"count\":20}}")),
            new("scores of 50 items", 20, _ =>
                Post("/v1/scores", $"{{\"userId\":\"{User()}\",{Interaction().Context},\"itemIds\":[{ItemIds(50)}]}}")
            ),
            new("cross features of 20 rows", 5, _ =>
                Post(
                    "/v1/cross-features",
                    $"{{\"rows\":[{string.Join(',', Enumerable.Range(0, 20).Select(_ => $"{{\"userId\":\"{User()}\",\"itemId\":\"{Item()}\"}}"))}]}}"
                )
            ),
            new("items put", 2, _ => Put(traffic.NextItem())),
            // Users of their own: they come, are in a model or two, and are erased.
            new(ArrivalsName, 1 / 17.0, n => Batch(Enumerable.Range(0, InteractionsOfLeaver).Select(_ => Interaction() with { UserId = Leaver(n) }))),
            new(ErasuresName, 1 / 17.0, n => new(HttpMethod.Delete, $"/v1/users/{Leaver(n)}"), After: TimeSpan.FromSeconds(90)),
        ];

        HttpRequestMessage Put(int item) =>
            new(HttpMethod.Put, $"/v1/items/{SyntheticTraffic.ItemId(item)}") { Content = Json($"{{{ItemBody(item, traffic)}}}") };
        static string Leaver(int n) => $"leaver-{n}";
    }

    private static string ItemBody(int item, SyntheticTraffic traffic) =>
        $"\"tags\":[\"group-{item % 40}\",\"shelf-{traffic.NextItem() % 100}\"],\"metadata\":{{\"title\":\"Item {item}\"}}";

    private static HttpRequestMessage Batch(IEnumerable<SyntheticInteraction> interactions) =>
        Post("/v1/interactions", $"{{\"interactions\":[{string.Join(',', interactions.Select(each => each.ToJson()))}]}}");

    private static HttpRequestMessage Post(string path, string body) => new(HttpMethod.Post, path) { Content = Json(body) };

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task<List<(DateTimeOffset Start, DateTimeOffset End)>> RunsAsync(HttpClient client)
    {
        var answer = await client.GetFromJsonAsync<JsonElement>("/v1/training-runs?limit=20");
        return
        [
            .. answer
                .GetProperty("trainingRuns")
                .EnumerateArray()
                .Select(run =>
                    (
                        run.GetProperty("startedAt").GetDateTimeOffset(),
                        run.GetProperty("finishedAt") is { ValueKind: JsonValueKind.String } end
                            ? end.GetDateTimeOffset() + Publication
                            : DateTimeOffset.MaxValue
                    )
                ),
        ];
    }

    /// <summary>Prints what came of it all, and tells whether that is as it should be.</summary>
    private static async Task<bool> SummaryAsync(
        ServiceProcess service,
        OpenLoop load,
        List<(TimeSpan Time, double Mebibytes)> memory,
        List<(double Milliseconds, bool InRun)> recommendations
    )
    {
        Console.WriteLine();
        Console.WriteLine($"{load.Sent:N0} requests, {load.Errors.Values.Sum():N0} errors");
        foreach (var (error, count) in load.Errors.OrderByDescending(each => each.Value))
        {
            Console.WriteLine($"  {count} × {error}");
        }

        foreach (var body in load.Notes)
        {
            Console.WriteLine($"  {body}");
        }

        Console.WriteLine($"{service.Warnings.Count:N0} warnings and errors in the log of the service");
        foreach (var line in service.Warnings.Take(WarningsToPrint))
        {
            Console.WriteLine($"  {line}");
        }

        double inRun = Quantile(recommendations, true, 0.99),
            outside = Quantile(recommendations, false, 0.99);
        Console.WriteLine($"Recommendations: p99 {inRun:F1} ms during runs, {outside:F1} ms else, ratio {inRun / outside:F2}");

        var settled = memory.Where(sample => sample.Time >= WarmUp).ToList();
        if (settled.Count >= 60)
        {
            double first = settled.Take(60).Average(sample => sample.Mebibytes),
                last = settled.TakeLast(60).Average(sample => sample.Mebibytes);
            var minute = WarmUp.TotalMinutes;
            Console.WriteLine(
                $"Resident memory after minute {minute}: {first:F0} → {last:F0} MiB (first and last minute), slope {Slope(settled):+0.0;-0.0} MiB an hour"
            );
        }
        else
        {
            Console.WriteLine($"Resident memory: not a minute after minute {WarmUp.TotalMinutes}, too short for a slope");
        }

        const string runsByStatus =
            "SELECT status, count(*) AS runs, round(avg(extract(epoch FROM finished_at - started_at)), 1) AS seconds FROM training_runs GROUP BY status";
        var runs = await service.PsqlAsync($"SELECT string_agg(format('%s %s, %s s each', runs, status, seconds), '; ') FROM ({runsByStatus}) AS r");
        Console.WriteLine($"Training runs: {runs}");

        const string ofLeavers = "FROM interactions JOIN users USING (user_key) WHERE user_id LIKE 'leaver-%'";
        var left = await service.CountAsync($"SELECT count(*) {ofLeavers}");
        var stored = await service.CountAsync("SELECT count(*) FROM interactions") - left;
        var acknowledged = FirstInteractions + load.Acknowledged;
        Console.WriteLine($"Interactions: {acknowledged:N0} acknowledged, {stored:N0} stored, difference {stored - acknowledged:N0}");
        var erased = load.Succeeded(ErasuresName);
        var expected = (load.Succeeded(ArrivalsName) - erased) * InteractionsOfLeaver;
        Console.WriteLine($"Users that come and go: {erased:N0} erased; {left:N0} interactions of the others are stored, {expected:N0} should be");
        return load.Errors.IsEmpty && stored == acknowledged && left == expected;
    }

    private static double Quantile(List<(double Milliseconds, bool InRun)> samples, bool inRun, double share) =>
        Quantile(samples.Where(sample => sample.InRun == inRun).Select(sample => sample.Milliseconds), share);

    private static double Quantile(IEnumerable<double> samples, double share)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[(int)(share * (sorted.Length - 1))];
    }

    /// <summary>The slope of the line of least squares, in MiB an hour.</summary>
    private static double Slope(List<(TimeSpan Time, double Mebibytes)> samples)
    {
        double time = samples.Average(sample => sample.Time.TotalHours),
            memory = samples.Average(sample => sample.Mebibytes);
        return samples.Sum(sample => (sample.Time.TotalHours - time) * (sample.Mebibytes - memory))
            / samples.Sum(sample => Math.Pow(sample.Time.TotalHours - time, 2));
    }
}
