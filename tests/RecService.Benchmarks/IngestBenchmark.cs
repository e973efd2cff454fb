using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace RecService.Benchmarks;

/// <summary>
/// How fast interactions come in by each way there is, beside binary COPY of the same rows into the same table, with the ids of users and items already
/// replaced by keys. Of a number of rows that is given, only files are imported.
/// Every measurement starts from a table of interactions with its indexes, triggers and constraints, empty or, for what is sent again, with all of
/// them stored, vacuumed and after a checkpoint; the order changes from round to round. Statements are compiled as by PostgreSQL's own default,
/// which the embedded server has switched off.
/// </summary>
internal sealed class IngestBenchmark
{
    private const int RowsOfRequests = 200_000;
    private const int Favourites = 50;
    private const string Columns = "user_key, item_key, type, value, occurred_at, tags, context, interaction_id, received_at";

    private static readonly TimeSpan TimeOfSmallRequests = TimeSpan.FromSeconds(10);

    private readonly int _rows;
    private readonly int _users;
    private readonly int _items;
    private readonly bool _withRequests;

    private IngestBenchmark(int? rows)
    {
        _rows = rows ?? RowsOfRequests;
        (_users, _items) = (_rows / 10, _rows / 40);
        _withRequests = rows is null;
    }

    /// <param name="rounds">How often each is measured.</param>
    /// <param name="rows">How many interactions are imported; null for as many as requests of a few bring in too.</param>
    public static Task<int> RunAsync(int rounds, int? rows = null) => new IngestBenchmark(rows).RunAsync(rounds);

    private async Task<int> RunAsync(int rounds)
    {
        Console.WriteLine(
            $"{_rows:N0} interactions of {_users:N0} users with {_items:N0} items, the same for all; users and items exist unless said to be fresh."
        );
        Console.WriteLine(
            $"Medians of {rounds} rounds after one to warm up. Default settings of the service (keys have no limit of their rate), but no training."
        );
        using var service = await ServiceProcess.StartAsync(("Training:Enabled", "false"), ("PGOPTIONS", "-c jit=on"));
        var measurements = await PrepareAsync(service);
        var results = measurements.ToDictionary(measurement => measurement, _ => new List<Result>());
        for (var round = 0; round <= rounds; round++)
        {
            for (var i = 0; i < measurements.Count; i++)
            {
                var measurement = measurements[(i + round) % measurements.Count];
                await ResetAsync(service, measurement.Fresh, measurement.Store);
                var result = await measurement.Run();
                var stored = await service.CountAsync("SELECT count(*) FROM interactions");
                var expected = measurement.Store is null ? result.Rows : _rows;
                if (stored != expected)
                {
                    throw new InvalidOperationException($"{measurement.Name}: {stored} interactions are stored, and not {expected}.");
                }

                if (round > 0)
                {
                    results[measurement].Add(result);
                }
            }

            Console.WriteLine($"Round {round} of {rounds} done.");
        }

        Report(measurements, results);
        return 0;
    }

    private async Task<List<Measurement>> PrepareAsync(ServiceProcess service)
    {
        var traffic = new SyntheticTraffic(_users, _items, Favourites);
        var start = DateTimeOffset.UtcNow.AddDays(-30);
        var step = TimeSpan.FromDays(29) / _rows;
        SyntheticInteraction[] named = [.. Enumerable.Range(0, _rows).Select(i => traffic.Next(start + (i * step)))];
        SyntheticInteraction[] unnamed = [.. named.Select(row => row with { InteractionId = null })];

        // This makes the users and items, with the same keys as whenever they are made anew, since it makes them in the order of their ids.
        await ResetAsync(service, fresh: true);
        var ndJson = NdJson(service, "named", named);
        await ImportAsync(service, ndJson, "application/x-ndjson");

        Measurement copyNamed = new("COPY, binary", () => CopyAsync(service, "named", "binary"));
        Measurement copyUnnamed = new("COPY, binary, no interactionId", () => CopyAsync(service, "unnamed", "binary"));
        foreach (var format in new[] { "text", "binary" })
        {
            foreach (
                var (file, columns) in new[]
                {
                    ("named", Columns),
                    ("unnamed", Columns.Replace("interaction_id", "NULL::text", StringComparison.Ordinal)),
                }
            )
            {
                await service.PsqlAsync(
                    $@"\copy (SELECT {columns} FROM interactions ORDER BY interaction_key) TO '{service.Folder}/{file}.{format}' (FORMAT {format})"
                );
            }
        }

        var csv = Csv(service, "named", named);
        var unnamedNdJson = NdJson(service, "unnamed", unnamed);
        var unnamedCsv = Csv(service, "unnamed", unnamed);
        (byte[][] Bodies, int Rows, int Connections, string Name)[] requests =
            !_withRequests
                ? []
                :
        [
            (Batches(named, 1000)[..50], 1000, 1, "batches of 1,000, 1 connection"),
            (Batches(named, 1000)[..50], 1000, 4, "batches of 1,000, 4 connections"),
            (Batches(named[..64_000], 64), 64, 4, "batches of 64, 4 connections"),
            (Batches(named, 10), 10, 32, "batches of 10, 32 connections"),
            (Batches(named, 1), 1, 1, "single, 1 connection"),
            (Batches(named, 1), 1, 32, "single, 32 connections"),
        ];
        return
        [
            copyNamed,
            new("COPY, text", () => CopyAsync(service, "named", "text"), copyNamed),
            new("import, NDJSON", () => ImportAsync(service, ndJson, "application/x-ndjson"), copyNamed),
            new("import, CSV", () => ImportAsync(service, csv, "text/csv"), copyNamed),
            new("import, NDJSON, users and items fresh", () => ImportAsync(service, ndJson, "application/x-ndjson"), copyNamed, Fresh: true),
            copyUnnamed,
            new("COPY, text, no interactionId", () => CopyAsync(service, "unnamed", "text"), copyUnnamed),
            new("import, NDJSON, no interactionId", () => ImportAsync(service, unnamedNdJson, "application/x-ndjson"), copyUnnamed),
            new("import, CSV, no interactionId", () => ImportAsync(service, unnamedCsv, "text/csv"), copyUnnamed),
            .. requests.SelectMany(request => SmallRequests(request.Bodies, request.Rows, request.Connections, request.Name)),
        ];

        IEnumerable<Measurement> SmallRequests(byte[][] bodies, int rows, int connections, string name) =>
            [
                new(name, () => SendAsync(service, bodies, rows, connections), copyNamed),
                new(
                    $"{name}, again",
                    () => SendAsync(service, bodies, rows, connections),
                    copyNamed,
                    Store: () => CopyAsync(service, "named", "binary")
                ),
            ];
    }

    private static string NdJson(ServiceProcess service, string name, SyntheticInteraction[] rows) =>
        Written(Path.Combine(service.Folder, $"{name}.ndjson"), rows.Select(row => row.ToJson()));

    private static string Csv(ServiceProcess service, string name, SyntheticInteraction[] rows) =>
        Written(Path.Combine(service.Folder, $"{name}.csv"), rows.Select(row => row.ToCsv()).Prepend(SyntheticInteraction.CsvHeader));

    private static string Written(string file, IEnumerable<string> lines)
    {
        File.WriteAllLines(file, lines);
        return file;
    }

    private static byte[][] Batches(SyntheticInteraction[] rows, int size) =>
        [
            .. rows.Chunk(size)
                .Select(batch => Encoding.UTF8.GetBytes($"{{\"interactions\":[{string.Join(',', batch.Select(row => row.ToJson()))}]}}")),
        ];

    private static async Task ResetAsync(ServiceProcess service, bool fresh, Func<Task>? store = null)
    {
        await service.PsqlAsync(
            fresh ? "TRUNCATE interactions, users, items RESTART IDENTITY CASCADE" : "TRUNCATE interactions RESTART IDENTITY"
        );
        if (store is not null)
        {
            await store();
        }

        await service.PsqlAsync("VACUUM (ANALYZE)", "CHECKPOINT");
    }

    private async Task<Result> CopyAsync(ServiceProcess service, string file, string format)
    {
        // The time that psql measures is without its start.
        var answer = await service.PsqlAsync(
            @"\timing on",
            $@"\copy interactions ({Columns}) FROM '{service.Folder}/{file}.{format}' (FORMAT {format})"
        );
        var milliseconds = double.Parse(answer.Split("Time: ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        return new(_rows, TimeSpan.FromMilliseconds(milliseconds), []);
    }

    private async Task<Result> ImportAsync(ServiceProcess service, string path, string type)
    {
        using var client = service.Client(connections: 1);
        await using var file = File.OpenRead(path);
        using var content = new StreamContent(file) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        var start = Stopwatch.GetTimestamp();
        using var answer = await client.PostAsync("/v1/interactions/import", content);
        var elapsed = Stopwatch.GetElapsedTime(start);
        await CheckAsync(answer);
        return new(_rows, elapsed, []);
    }

    /// <summary>Each connection sends one body after the other, until all are sent or the time is up.</summary>
    private static async Task<Result> SendAsync(ServiceProcess service, byte[][] bodies, int rowsOfBody, int connections)
    {
        using var client = service.Client(connections);
        var latencies = new List<double>[connections];
        var next = -1;
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(
            latencies.Select(
                (_, i) =>
                    Task.Run(async () =>
                    {
                        var own = latencies[i] = [];
                        while (
                            Stopwatch.GetElapsedTime(start) < TimeOfSmallRequests
                            && Interlocked.Increment(ref next) is var mine
                            && mine < bodies.Length
                        )
                        {
                            using var content = Content(bodies[mine], "application/json");
                            var sent = Stopwatch.GetTimestamp();
                            using var answer = await client.PostAsync("/v1/interactions", content);
                            own.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                            await CheckAsync(answer);
                        }
                    })
            )
        );
        var elapsed = Stopwatch.GetElapsedTime(start);
        double[] sorted = [.. latencies.SelectMany(each => each).Order()];
        return new(sorted.Length * rowsOfBody, elapsed, sorted);
    }

    private static ByteArrayContent Content(byte[] body, string type) => new(body) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    private static async Task CheckAsync(HttpResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"The answer is {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    private static void Report(List<Measurement> measurements, Dictionary<Measurement, List<Result>> results)
    {
        Console.WriteLine($"{"",-40}{"rows/s",10}{"least–most",18}{"of COPY",10}{"requests/s",12}{"p50 ms",9}{"p99 ms",9}");
        foreach (var measurement in measurements)
        {
            var own = results[measurement];
            var rates = own.Select(result => result.RowsPerSecond).ToArray();

            // Within a round, as the machine may change from round to round.
            var share = EngineBenchmark.Median(rates.Zip(results[measurement.Reference ?? measurement], (rate, copy) => rate / copy.RowsPerSecond));
            var range = $"{rates.Min():N0}–{rates.Max():N0}";
            var requests =
                own[0].Latencies.Length == 0
                    ? ""
                    : $"{Median(each => each.RequestsPerSecond),12:N0}{Median(each => each.Latency(0.5)),9:F2}{Median(each => each.Latency(0.99)),9:F2}";
            Console.WriteLine($"{measurement.Name,-40}{EngineBenchmark.Median(rates),10:N0}{range,18}{share,10:P1}{requests}");

            double Median(Func<Result, double> figure) => EngineBenchmark.Median(own.Select(figure));
        }
    }

    /// <param name="Name">What is measured.</param>
    /// <param name="Run">Measures it once.</param>
    /// <param name="Reference">The COPY of the same rows; null: this is it.</param>
    /// <param name="Fresh">Whether users and items are not there yet.</param>
    /// <param name="Store">Stores the interactions before they are sent again.</param>
    private sealed record Measurement(
        string Name,
        Func<Task<Result>> Run,
        Measurement? Reference = null,
        bool Fresh = false,
        Func<Task>? Store = null
    );

    /// <param name="Rows">Interactions acknowledged.</param>
    /// <param name="Time">The time for all of them.</param>
    /// <param name="Latencies">Of the requests, in milliseconds, sorted; none for what is one request or no request at all.</param>
    private sealed record Result(int Rows, TimeSpan Time, double[] Latencies)
    {
        public double RowsPerSecond => Rows / Time.TotalSeconds;

        public double RequestsPerSecond => Latencies.Length / Time.TotalSeconds;

        public double Latency(double share) => Latencies[(int)(share * (Latencies.Length - 1))];
    }
}
