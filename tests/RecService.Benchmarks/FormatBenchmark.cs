using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;

namespace RecService.Benchmarks;

/// <summary>Time and size of what goes out of a store and into an empty one again, in each format, in one run.</summary>
internal static class FormatBenchmark
{
    private const int Users = 50_000;
    private const int Items = 10_000;
    private const int Favourites = 50;

    private static readonly (string Name, string Export, string MediaType, bool IsCompressed)[] Formats =
    [
        ("NDJSON", "", "application/x-ndjson", false),
        ("NDJSON, gzip", "", "application/x-ndjson", true),
        ("Parquet", "?format=parquet", "application/vnd.apache.parquet", false),
    ];

    public static async Task<int> RunAsync(int rows)
    {
        using var source = await ServiceProcess.StartAsync(("Training:Enabled", "false"));
        var traffic = new SyntheticTraffic(Users, Items, Favourites);
        var start = DateTimeOffset.UtcNow.AddDays(-30);
        var step = TimeSpan.FromDays(29) / rows;
        var file = Path.Combine(source.Folder, "export");
        await using (var lines = new StreamWriter(file))
        {
            for (var i = 0; i < rows; i++)
            {
                await lines.WriteLineAsync(traffic.Next(start + (step * i)).ToJson());
            }
        }

        await ImportAsync(source, file, Formats[0].MediaType, isCompressed: false);
        var stored = await StateAsync(source);
        Console.WriteLine($"{rows:N0} interactions of {Users:N0} users with {Items:N0} items; each import goes into an empty store.");
        Console.WriteLine("format        | export, s |  rows/s |    MB | bytes/row | import, s |  rows/s");
        foreach (var (name, query, mediaType, isCompressed) in Formats)
        {
            var export = await ExportAsync(source, query, file, isCompressed);
            var size = new FileInfo(file).Length;
            using var target = await ServiceProcess.StartAsync(("Training:Enabled", "false"));
            var import = await ImportAsync(target, file, mediaType, isCompressed);
            if (await StateAsync(target) != stored)
            {
                throw new InvalidOperationException($"{name}: what went in is not what went out.");
            }

            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name,-13} | {export.TotalSeconds,9:0.0} | {rows / export.TotalSeconds,7:0} | {size / 1e6,5:0.0} | {(double)size / rows,9:0.0} | {import.TotalSeconds,9:0.0} | {rows / import.TotalSeconds,7:0}"
                )
            );
        }

        return 0;
    }

    private static async Task<TimeSpan> ExportAsync(ServiceProcess service, string query, string path, bool isCompressed)
    {
        using var client = service.Client(connections: 1);
        var start = Stopwatch.GetTimestamp();
        using (var answer = await client.GetAsync($"/v1/interactions/export{query}", HttpCompletionOption.ResponseHeadersRead))
        {
            answer.EnsureSuccessStatusCode();
            await using var file = File.Create(path);
            // As a caller would who keeps it compressed: the service does not.
            await using Stream content = isCompressed ? new GZipStream(file, CompressionLevel.Optimal) : file;
            await answer.Content.CopyToAsync(content);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    private static async Task<TimeSpan> ImportAsync(ServiceProcess service, string path, string mediaType, bool isCompressed)
    {
        using var client = service.Client(connections: 1);
        var start = Stopwatch.GetTimestamp();
        await using var file = File.OpenRead(path);
        using var content = new StreamContent(file) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } };
        if (isCompressed)
        {
            content.Headers.ContentEncoding.Add("gzip");
        }

        using var answer = await client.PostAsync("/v1/interactions/import", content);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? Stopwatch.GetElapsedTime(start) : throw new InvalidOperationException(text);
    }

    /// <summary>A number that two stores have in common when they have the same interactions.</summary>
    private static Task<string> StateAsync(ServiceProcess service) =>
        service.PsqlAsync(
            """
            SELECT count(*), sum(('x' || left(md5(concat_ws('|', user_id, item_id, type, value, occurred_at, i.tags, context, interaction_id)), 12))::bit(48)::bigint)
            FROM interactions AS i JOIN users USING (user_key) JOIN items USING (item_key)
            """
        );
}
