using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>
/// What surrounds the engine, with many interactions and items: how long a start and a run take and how much memory, how many recommendations there are in a
/// second, how soon an item is there in another process. Beside it what can be had at best: a bare COPY of the rows, an endpoint that does nothing, one that
/// does one prepared SELECT. With the service of another commit, the same of that one.
/// </summary>
internal static class ScaleBenchmark
{
    private static readonly TimeSpan Load = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <param name="shape">How much there is.</param>
    /// <param name="former">Folder with RecService.Api.dll of another commit; null for none.</param>
    /// <param name="json">Where to write the figures; null for nowhere.</param>
    public static async Task<int> RunAsync(ScaleShape shape, string? former, string? json)
    {
        Console.WriteLine(
            $"{shape.Interactions:N0} interactions of {shape.Users:N0} users with {shape.Items:N0} items; then {shape.MostItems:N0} items. k = 32, {Environment.ProcessorCount} cores."
        );
        var columns = new List<(string Name, Figures Figures)>();
        foreach (var (name, binary) in new[] { ("before", former), ("now", null) })
        {
            if (name == "before" && binary is null)
            {
                continue;
            }

            var figures = new Figures();
            ServiceProcess.Binary = binary;
            await MeasureAsync(shape, figures);
            columns.Add((name, figures));
        }

        Print(columns);
        if (json is not null)
        {
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(columns.ToDictionary(column => column.Name, column => column.Figures.ByName)));
        }

        return 0;
    }

    private static async Task MeasureAsync(ScaleShape shape, Figures figures)
    {
        using var hub = await ServiceProcess.StartAsync(("Training:Enabled", "false"));
        await shape.FillAsync(hub);
        var copied = Stopwatch.GetTimestamp();
        await hub.PsqlAsync(
            @"\copy (SELECT user_key, item_key, type, value, occurred_at, interaction_key, tags, context::text FROM interactions) TO '/dev/null' (FORMAT binary)"
        );
        figures.Add("bare COPY of the interactions", "s", Stopwatch.GetElapsedTime(copied).TotalSeconds);

        using (var service = await StartAnotherAsync(hub, ("Training:Epochs", "1")))
        {
            figures.Add("start to ready", "s", service.StartTime.TotalSeconds);
            using var client = service.Client(connections: 1);
            for (var run = 1; run <= 3; run++)
            {
                service.ResetPeakMemory();
                var trained = await client.TrainAsync();
                figures.Add($"run of one fit epoch, {run}", "s", trained.Time.TotalSeconds);
                figures.Add($"  reading, {run}", "s", service.ReadingTime.TotalSeconds);
                figures.Add($"  peak memory, {run}", "GB", service.PeakMemory() / 1e9);
                await Task.Delay(Rest);
                figures.Add($"  memory after, {run}", "GB", service.ServiceMemory() / 1e9);
            }
        }

        using (var service = await StartAnotherAsync(hub))
        {
            figures.Add("start to ready with a model", "s", service.StartTime.TotalSeconds);
            figures.Add("  memory", "GB", service.ServiceMemory() / 1e9);
            using (var client = service.Client(connections: 1))
            {
                var trained = await client.TrainAsync();
                figures.Add("run with default settings", "s", trained.Time.TotalSeconds);
                figures.Add("  best epoch", "", trained.Epochs);
            }

            await ServeAsync(hub, service, shape, shape.Items, figures);
            await HeavyUserAsync(hub, service, shape, figures);
            await ShowNewItemAsync(hub, service, shape.Items, figures);
            var added = Stopwatch.GetTimestamp();
            await shape.AddItemsAsync(hub);
            await UntilSimilarAsync(service, $"item-{shape.MostItems}");
            figures.Add($"{shape.MostItems - shape.Items:N0} items more, until the last is there", "s", Stopwatch.GetElapsedTime(added).TotalSeconds);
            await ServeAsync(hub, service, shape, shape.MostItems, figures);
            await ShowNewItemAsync(hub, service, shape.MostItems, figures);
        }

        await FewItemsAsync(figures);
    }

    private static Task<ServiceProcess> StartAnotherAsync(ServiceProcess hub, params (string, string)[] settings) =>
        hub.StartAnotherAsync([
            ("Training:Enabled", "false"),
            ("Training:Factors", "32"),
            ("Training:Threads", "2"),
            ("Logging:LogLevel:RecService", "Information"),
            .. settings,
        ]);

    private static async Task ServeAsync(ServiceProcess hub, ServiceProcess service, ScaleShape shape, int items, Figures figures)
    {
        foreach (var connections in new[] { 8, 64 })
        {
            await AskAsync(service, connections, n => Recommend($"user-{1 + (n * 7919L % shape.Users)}"), $"recommendations, {items:N0} items", figures);
        }

        var memory = await hub.CountAsync("SELECT count(*) FROM items");
        if (memory < items)
        {
            throw new InvalidOperationException($"There are {memory} items, and not {items}.");
        }
    }

    private static async Task HeavyUserAsync(ServiceProcess hub, ServiceProcess service, ScaleShape shape, Figures figures)
    {
        const int Interactions = 50_000;
        await hub.PsqlAsync(
            "INSERT INTO users (user_id, created_at, updated_at) VALUES ('heavy', now(), now())",
            $"""
            INSERT INTO interactions (user_key, item_key, type, occurred_at, received_at)
            SELECT user_key, 1 + n % {shape.Items}, 'purchase', now() - n * interval '1 second', now() FROM users, generate_series(1, {Interactions}) n
            WHERE user_id = 'heavy'
            """,
            "ANALYZE interactions"
        );
        await AskAsync(service, 1, _ => Recommend("heavy"), $"recommendations for a user with {Interactions:N0} interactions", figures);
    }

    private static async Task ShowNewItemAsync(ServiceProcess hub, ServiceProcess service, int items, Figures figures)
    {
        using var writer = hub.Client(connections: 1);
        var times = new List<double>();
        for (var n = 0; n < 5; n++)
        {
            var id = $"new-{items}-{n}";
            using var answer = await writer.PutAsJsonAsync($"/v1/items/{id}", new { tags = new[] { "new" } });
            answer.EnsureSuccessStatusCode();
            var start = Stopwatch.GetTimestamp();
            await UntilSimilarAsync(service, id);
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        figures.Add($"new item in another process, {items:N0} items", "s", EngineBenchmark.Median(times));
    }

    private static async Task UntilSimilarAsync(ServiceProcess service, string item)
    {
        using var client = service.Client(connections: 1);
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            using var answer = await client.GetAsync($"/v1/items/{item}/similar?count=1");
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                return;
            }

            await RestCalls.WaitAsync(start, TimeSpan.FromMilliseconds(10));
        }
    }

    /// <summary>A small service, where what is not ranking counts, beside endpoints that do nothing, or one prepared SELECT.</summary>
    private static async Task FewItemsAsync(Figures figures)
    {
        var shape = new ScaleShape(Interactions: 50_000, Users: 5_000, Items: 1_000, MostItems: 1_000);
        using var hub = await ServiceProcess.StartAsync(("Training:Enabled", "false"), ("Training:Epochs", "5"));
        await shape.FillAsync(hub);
        using (var client = hub.Client(connections: 1))
        {
            await client.TrainAsync();
        }

        await AskAsync(hub, 8, _ => new(HttpMethod.Get, "/health/live"), "an endpoint that does nothing", figures);
        await using (var select = await SelectEndpoint.StartAsync(await hub.ConnectionStringAsync()))
        {
            await AskAsync(select.Client, 8, n => new(HttpMethod.Get, $"/{1 + (n % shape.Users)}"), "an endpoint that does one prepared SELECT", figures);
        }

        await AskAsync(hub, 8, n => Recommend($"user-{1 + (n % shape.Users)}"), "recommendations, 1,000 items", figures);
    }

    private static HttpRequestMessage Recommend(string user) =>
        new(HttpMethod.Post, "/v1/recommendations") { Content = JsonContent.Create(new { userId = user, count = 10 }) };

    private static async Task AskAsync(ServiceProcess service, int connections, Func<int, HttpRequestMessage> request, string name, Figures figures)
    {
        using var client = service.Client(connections);
        await AskAsync(client, connections, request, name, figures);
    }

    /// <summary>As many requests as come back, so many at a time.</summary>
    private static async Task AskAsync(HttpClient client, int connections, Func<int, HttpRequestMessage> request, string name, Figures figures)
    {
        var number = -1;
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => AskOnAsync(TimeSpan.FromSeconds(2), [])));
        var times = Enumerable.Range(0, connections).Select(_ => new List<double>()).ToArray();
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(times.Select(own => AskOnAsync(Load, own)));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double[] all = [.. times.SelectMany(own => own).Order()];
        var of = connections == 1 ? name : $"{name}, {connections} connections";
        figures.Add(of, "/s", all.Length / seconds);
        figures.Add("  p50", "ms", all[all.Length / 2], of);
        figures.Add("  p99", "ms", all[(int)(0.99 * (all.Length - 1))], of);

        async Task AskOnAsync(TimeSpan limit, List<double> own)
        {
            for (var begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin) < limit;)
            {
                var sent = Stopwatch.GetTimestamp();
                using var asked = request(Interlocked.Increment(ref number));
                using var answer = await client.SendAsync(asked);
                await answer.Content.ReadAsByteArrayAsync();
                answer.EnsureSuccessStatusCode();
                own.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            }
        }
    }

    private static void Print(List<(string Name, Figures Figures)> columns)
    {
        Console.WriteLine($"{"",-62}{string.Concat(columns.Select(column => $"{column.Name,12}"))}");
        foreach (var name in columns[^1].Figures.Names)
        {
            var values = columns.Select(column => column.Figures.ByName.TryGetValue(name, out var value) ? $"{value,12:N3}" : $"{"-",12}");
            Console.WriteLine($"{columns[^1].Figures.LabelOf(name),-62}{string.Concat(values)} {columns[^1].Figures.UnitOf(name)}");
        }
    }

    private sealed class Figures
    {
        private readonly Dictionary<string, (string Label, string Unit)> _labels = new(StringComparer.Ordinal);

        public List<string> Names { get; } = [];

        public Dictionary<string, double> ByName { get; } = new(StringComparer.Ordinal);

        public string LabelOf(string name) => _labels[name].Label;

        public string UnitOf(string name) => _labels[name].Unit;

        public void Add(string label, string unit, double value, string of = "")
        {
            var name = $"{of}{label}";
            Names.Add(name);
            ByName[name] = value;
            _labels[name] = (label, unit);
            Console.WriteLine($"  {label}: {value:N3} {unit}");
        }
    }
}
