using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>
/// Hours of mixed load in small: interactions, scoring, changes of the catalogue, erasures, and a training run every minute. Requests are sent when they are due, whatever became of
/// those before, and their latency counts from that moment, so that a stall of the service delays all that fall into it. Ends with 1 after an error, or when what is stored is not what
/// was acknowledged.
/// </summary>
internal static class LoadBenchmark
{
    private const int Users = 4_000;
    private const int Items = 5_000;
    private const int Favourites = 20;
    private const int FirstInteractions = 300_000;
    private const int InteractionsOfLeaver = 20;
    private const int ErrorsToPrint = 5;
    private const double Mebibyte = 1024 * 1024;

    // A model is published after the end of its run, which costs time too.
    private static readonly TimeSpan Publication = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(int minutes)
    {
        using var service = await ServiceProcess.StartAsync(("Training:Interval", "00:01:00"));
        using var client = service.Client(connections: int.MaxValue);
        var traffic = new SyntheticTraffic(Users, Items, Favourites);
        await PrepareAsync(client, traffic);

        var operations = Operations(traffic);
        Print($"{FirstInteractions:N0} interactions of {Users:N0} users with {Items:N0} items, a model, and from now on a training run every minute, default settings. Requests a second:");
        Print($"  {string.Join(", ", operations.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Name} {each.PerSecond:0.##}")))}");
        Print($"Latencies of recommendations in ms, from the moment when they were due: while a run is going on, until {Publication.TotalSeconds} s after its end, and while none is. Memory in MiB: the");
        Print($"service's resident set (mean and greatest of the minute), PostgreSQL's proportional set.");
        Print($"{"minute",6}{"requests",10}{"errors",8}{"run: p50",10}{"p99",8}{"none: p50",11}{"p99",8}{"service",9}{"most",7}{"PostgreSQL",12}{"models",8}{"runs",6}{"database",10}");

        var load = new Load(client, operations);
        var sender = load.StartAsync(TimeSpan.FromMinutes(minutes));
        var start = Stopwatch.GetTimestamp();
        var memory = new List<(TimeSpan Time, double Mebibytes)>();
        var recommendations = new List<(double Milliseconds, bool InRun)>();
        for (var minute = 1; minute <= minutes; minute++)
        {
            var first = memory.Count;
            while (Stopwatch.GetElapsedTime(start) is var now && now < TimeSpan.FromMinutes(minute))
            {
                memory.Add((now, service.ServiceMemory() / Mebibyte));
                await Task.Delay(TimeSpan.FromSeconds(1));
            }

            var outcomes = load.TakeOutcomes();
            var runs = await RunsAsync(client);
            var firstOfMinute = recommendations.Count;
            recommendations.AddRange(outcomes.Where(outcome => outcome.Operation.Name == Operation.Recommendations)
                .Select(outcome => (outcome.Latency.TotalMilliseconds, runs.Exists(run => run.Start < outcome.Due + outcome.Latency && outcome.Due < run.End))));
            var latest = recommendations.Skip(firstOfMinute).ToList();
            var stored = (await service.PsqlAsync(
                "SELECT (SELECT count(*) FROM models WHERE pruned_at IS NULL), (SELECT count(*) FROM training_runs WHERE status = 'succeeded'), pg_database_size(current_database())")).Split('|');
            var sampled = memory.Skip(first).Select(sample => sample.Mebibytes).ToList();
            Print($"{minute,6}{outcomes.Count,10}{outcomes.Count(outcome => outcome.Error is not null),8}{Quantile(latest, true, 0.5),10:F1}{Quantile(latest, true, 0.99),8:F1}{Quantile(latest, false, 0.5),11:F1}{Quantile(latest, false, 0.99),8:F1}{sampled.Average(),9:F0}{sampled.Max(),7:F0}{service.DatabaseMemory() / Mebibyte,12:F0}{stored[0],8}{stored[1],6}{double.Parse(stored[2], CultureInfo.InvariantCulture) / Mebibyte,10:F0}");
        }

        await sender.WaitAsync(DrainLimit);
        Print($"");
        return await SummaryAsync(service, load, memory, recommendations) ? 0 : 1;
    }

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
        while (await client.GetFromJsonAsync<JsonElement>("/v1/models") is var answer && answer.GetProperty("models").GetArrayLength() == 0)
            await Task.Delay(TimeSpan.FromSeconds(1));

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
            new(Operation.Recommendations, 60, _ => Post("/v1/recommendations", $"{{\"userId\":\"{User()}\",{Interaction().Context},\"count\":20}}")),
            new("scores of 50 items", 20, _ => Post("/v1/scores", $"{{\"userId\":\"{User()}\",{Interaction().Context},\"itemIds\":[{ItemIds(50)}]}}")),
            new("cross features of 20 rows", 5, _ => Post("/v1/cross-features",
                $"{{\"rows\":[{string.Join(',', Enumerable.Range(0, 20).Select(_ => $"{{\"userId\":\"{User()}\",\"itemId\":\"{Item()}\"}}"))}]}}")),
            new("items put", 2, _ => Put(traffic.NextItem())),

            // Users of their own: they come, are in a model or two, and are erased.
            new("users that come", 1 / 17.0, n => Batch(Enumerable.Range(0, InteractionsOfLeaver).Select(_ => Interaction() with { UserId = Leaver(n) }))),
            new("users erased", 1 / 17.0, n => new(HttpMethod.Delete, $"/v1/users/{Leaver(n)}"), After: TimeSpan.FromSeconds(90)),
        ];

        HttpRequestMessage Put(int item) => new(HttpMethod.Put, $"/v1/items/{SyntheticTraffic.ItemId(item)}") { Content = Json($"{{{ItemBody(item, traffic)}}}") };
        static string Leaver(int n) => string.Create(CultureInfo.InvariantCulture, $"leaver-{n}");
    }

    private static string ItemBody(int item, SyntheticTraffic traffic) => string.Create(
        CultureInfo.InvariantCulture, $"\"tags\":[\"group-{item % 40}\",\"shelf-{traffic.NextItem() % 100}\"],\"metadata\":{{\"title\":\"Item {item}\"}}");

    private static HttpRequestMessage Batch(IEnumerable<SyntheticInteraction> interactions) =>
        Post("/v1/interactions", $"{{\"interactions\":[{string.Join(',', interactions.Select(each => each.ToJson()))}]}}");

    private static HttpRequestMessage Post(string path, string body) => new(HttpMethod.Post, path) { Content = Json(body) };

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task<List<(DateTimeOffset Start, DateTimeOffset End)>> RunsAsync(HttpClient client)
    {
        var answer = await client.GetFromJsonAsync<JsonElement>("/v1/training-runs?limit=20");
        return [.. answer.GetProperty("trainingRuns").EnumerateArray().Select(run => (run.GetProperty("startedAt").GetDateTimeOffset(),
            run.GetProperty("finishedAt") is { ValueKind: JsonValueKind.String } end ? end.GetDateTimeOffset() + Publication : DateTimeOffset.MaxValue))];
    }

    /// <summary>Prints what came of it all, and tells whether that is as it should be.</summary>
    private static async Task<bool> SummaryAsync(ServiceProcess service, Load load, List<(TimeSpan Time, double Mebibytes)> memory, List<(double Milliseconds, bool InRun)> recommendations)
    {
        Print($"{load.Sent:N0} requests, {load.Errors.Values.Sum():N0} errors");
        foreach (var (error, count) in load.Errors.OrderByDescending(each => each.Value))
            Print($"  {count} × {error}");
        foreach (var body in load.FirstErrors)
            Print($"  {body}");

        double inRun = Quantile(recommendations, true, 0.99), outside = Quantile(recommendations, false, 0.99);
        Print($"Recommendations: p99 {inRun:F1} ms during runs, {outside:F1} ms else, ratio {inRun / outside:F2}; p50 {Quantile(recommendations, true, 0.5):F1} and {Quantile(recommendations, false, 0.5):F1} ms");

        var settled = memory.Where(sample => sample.Time >= WarmUp).ToList();
        if (settled.Count >= 60)
            Print($"Resident memory after minute {WarmUp.TotalMinutes}: {settled[0].Mebibytes:F0} MiB at first, {settled[^1].Mebibytes:F0} at the end, slope {Slope(settled):+0.0;-0.0} MiB an hour");
        else
            Print($"Resident memory: too short a time after minute {WarmUp.TotalMinutes} for a slope");

        var runs = (await service.PsqlAsync("SELECT status, count(*) FROM training_runs GROUP BY status ORDER BY status")).ReplaceLineEndings(", ").Replace('|', ' ');
        Print($"Training runs: {runs}");

        const string ofLeavers = "FROM interactions JOIN users USING (user_key) WHERE user_id LIKE 'leaver-%'";
        var acknowledged = FirstInteractions + load.Acknowledged;
        var stored = await service.CountAsync($"SELECT (SELECT count(*) FROM interactions) - (SELECT count(*) {ofLeavers})");
        Print($"Interactions: {acknowledged:N0} acknowledged, {stored:N0} stored, difference {stored - acknowledged:N0}");
        var leavers = load.Succeeded("users that come") - load.Succeeded("users erased");
        var left = await service.CountAsync($"SELECT count(*) {ofLeavers}");
        Print($"Users that come and go: {load.Succeeded("users erased"):N0} erased; {leavers * InteractionsOfLeaver:N0} interactions of others should be stored, {left:N0} are");
        return load.Errors.IsEmpty && stored == acknowledged && left == leavers * InteractionsOfLeaver;
    }

    private static double Quantile(List<(double Milliseconds, bool InRun)> samples, bool inRun, double share)
    {
        double[] sorted = [.. samples.Where(sample => sample.InRun == inRun).Select(sample => sample.Milliseconds).Order()];
        return sorted.Length == 0 ? double.NaN : sorted[(int)(share * (sorted.Length - 1))];
    }

    /// <summary>The slope of the line of least squares, in MiB an hour.</summary>
    private static double Slope(List<(TimeSpan Time, double Mebibytes)> samples)
    {
        double time = samples.Average(sample => sample.Time.TotalHours), memory = samples.Average(sample => sample.Mebibytes);
        return samples.Sum(sample => (sample.Time.TotalHours - time) * (sample.Mebibytes - memory)) / samples.Sum(sample => Math.Pow(sample.Time.TotalHours - time, 2));
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    /// <param name="Name">What is done.</param>
    /// <param name="PerSecond">How often.</param>
    /// <param name="Request">Makes the n-th request.</param>
    /// <param name="Interactions">How many interactions a successful request leaves in the store.</param>
    /// <param name="After">When it begins.</param>
    private sealed record Operation(string Name, double PerSecond, Func<int, HttpRequestMessage> Request, int Interactions = 0, TimeSpan After = default)
    {
        public const string Recommendations = "recommendations";

        public TimeSpan Due(int number) => After + TimeSpan.FromSeconds(number / PerSecond);
    }

    private readonly record struct Outcome(Operation Operation, DateTimeOffset Due, TimeSpan Latency, string? Error);

    /// <summary>Sends requests when they are due.</summary>
    private sealed class Load(HttpClient client, Operation[] operations)
    {
        private readonly ConcurrentDictionary<string, int> _succeeded = new(StringComparer.Ordinal);
        private readonly ConcurrentQueue<Outcome> _outcomes = [];
        private long _acknowledged;

        public int Sent { get; private set; }

        public long Acknowledged => _acknowledged;

        /// <summary>How often a kind of request had which outcome.</summary>
        public ConcurrentDictionary<string, int> Errors { get; } = new(StringComparer.Ordinal);

        public ConcurrentQueue<string> FirstErrors { get; } = [];

        public int Succeeded(string name) => _succeeded.GetValueOrDefault(name);

        /// <summary>Ends when the last request is answered.</summary>
        public Task StartAsync(TimeSpan duration)
        {
            var ended = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);

            // A thread of its own, as those of the pool may all be busy when a request is due.
            new Thread(() => ended.SetResult(Send(duration))) { IsBackground = true }.Start();
            return ended.Task.Unwrap();
        }

        /// <summary>What came of requests since the last call.</summary>
        public List<Outcome> TakeOutcomes()
        {
            var taken = new List<Outcome>();
            while (_outcomes.TryDequeue(out var outcome))
                taken.Add(outcome);
            return taken;
        }

        private Task Send(TimeSpan duration)
        {
            var schedule = new PriorityQueue<(Operation Operation, int Number), TimeSpan>(operations.Select(operation => ((operation, 0), operation.Due(0))));
            var pending = new List<Task>();
            var start = Stopwatch.GetTimestamp();
            var startTime = DateTimeOffset.UtcNow;
            while (schedule.TryDequeue(out var next, out var due) && due < duration)
            {
                if (due - Stopwatch.GetElapsedTime(start) is var wait && wait > TimeSpan.Zero)
                    Thread.Sleep(wait);
                if (Sent++ % 1000 == 0)
                    pending.RemoveAll(task => task.IsCompletedSuccessfully);
                pending.Add(SendAsync(next.Operation, next.Number, startTime + due, start, due));
                schedule.Enqueue((next.Operation, next.Number + 1), next.Operation.Due(next.Number + 1));
            }

            return Task.WhenAll(pending);
        }

        private async Task SendAsync(Operation operation, int number, DateTimeOffset dueTime, long start, TimeSpan due)
        {
            string? error = null;
            try
            {
                using var request = operation.Request(number);
                using var answer = await client.SendAsync(request);
                if (answer.IsSuccessStatusCode)
                {
                    Interlocked.Add(ref _acknowledged, operation.Interactions);
                    _succeeded.AddOrUpdate(operation.Name, 1, (_, count) => count + 1);
                }
                else
                {
                    error = $"{operation.Name}: {(int)answer.StatusCode}";
                    Note($"{error} {await answer.Content.ReadAsStringAsync()}");
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
            {
                error = $"{operation.Name}: {exception.GetType().Name}";
                Note($"{error} {exception.Message}");
            }

            if (error is not null)
                Errors.AddOrUpdate(error, 1, (_, count) => count + 1);
            _outcomes.Enqueue(new(operation, dueTime, Stopwatch.GetElapsedTime(start) - due, error));
        }

        private void Note(string error)
        {
            if (FirstErrors.Count < ErrorsToPrint)
                FirstErrors.Enqueue(error);
        }
    }
}
