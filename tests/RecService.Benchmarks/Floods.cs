using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace RecService.Benchmarks;

/// <summary>
/// What is poured over a service, until it is told to stop; who is turned away tries again after five seconds, as <c>Retry-After</c> says.
/// </summary>
internal sealed class Floods(ServiceProcess service, HttpClient client)
{
    private const int GzipMebibytes = 512;
    private const int BrotliMebibytes = 20 * 1024;
    private const int Brotlis = 4;
    private const int StalledReaders = 40;
    private const int Watchers = 500;
    private const int Writers = 6;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Epoch = TimeSpan.FromSeconds(1);

    private readonly byte[] _gzip = Bombs.Gzip(GzipMebibytes);
    private readonly byte[] _brotli = Bombs.Brotli(BrotliMebibytes);

    /// <summary>How often something was answered in which way; to be cleared between floods.</summary>
    public ConcurrentDictionary<string, int> Answers { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<(string Name, Func<CancellationToken, Task> Run)> All =>
        [
            ($"a gzip of {_gzip.Length / 1024} KiB for {GzipMebibytes} MiB of {{}}", token => ImportAsync(_gzip, "gzip", token)),
            ($"{Brotlis} brotlis of {_brotli.Length / 1024} KiB for {BrotliMebibytes / 1024} GiB each", token =>
                Many(Brotlis, _ => ImportAsync(_brotli, "br", token))
            ),
            ($"{StalledReaders} stalled readers of exports", token => Many(StalledReaders, _ => StallAsync(token))),
            ($"{Watchers} watchers of a run", WatchAsync),
            ($"{Writers} writers of one new user, deleted", CollideAsync),
        ];

    private static Task Many(int count, Func<int, Task> flood) => Task.WhenAll(Enumerable.Range(0, count).Select(flood));

    private Task ImportAsync(byte[] body, string encoding, CancellationToken cancellationToken) =>
        AgainAsync(
            async () =>
            {
                using var content = new ByteArrayContent(body);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
                content.Headers.ContentEncoding.Add(encoding);
                using var answer = await client.PostAsync("/v1/interactions/import", content, cancellationToken);
                return Status(answer);
            },
            cancellationToken
        );

    /// <summary>Asks for all interactions and reads the status alone.</summary>
    private Task StallAsync(CancellationToken cancellationToken) =>
        AgainAsync(
            async () =>
            {
                var address = client.BaseAddress!;
                using var socket = new TcpClient { ReceiveBufferSize = 4096 };
                await socket.ConnectAsync(address.Host, address.Port, cancellationToken);
                var request =
                    $"GET /v1/interactions/export HTTP/1.1\r\nHost: {address.Authority}\r\nX-Api-Key: {client.DefaultRequestHeaders.GetValues("X-Api-Key").Single()}\r\n\r\n";
                await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), cancellationToken);
                var line = new byte[12];
                await socket.GetStream().ReadExactlyAsync(line, cancellationToken);
                var status = Encoding.ASCII.GetString(line)[9..];
                if (status == "200")
                {
                    // As long as the service bears with it, and a little longer.
                    await Task.Delay(TimeSpan.FromSeconds(15), cancellationToken);
                }

                return status;
            },
            cancellationToken
        );

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        const string begin =
            "INSERT INTO training_runs (status, trigger, objective, started_at, seed, settings, epochs) VALUES ('running', 'demand', 'next', now(), 1, '{}', '[]') RETURNING run_id";
        var run = await service.CountAsync(begin);
        await Task.WhenAll(
            Many(Watchers, _ => AgainAsync(() => WatchAsync(run, cancellationToken), cancellationToken)),
            LearnAsync(run, cancellationToken)
        );
        await service.PsqlAsync(string.Create(CultureInfo.InvariantCulture, $"DELETE FROM training_runs WHERE run_id = {run}"));
    }

    private async Task<string> WatchAsync(long run, CancellationToken cancellationToken)
    {
        using var answer = await client.GetAsync($"/v1/training-runs/{run}/events", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.IsSuccessStatusCode)
        {
            Answers.AddOrUpdate("watching", 1, (_, count) => count + 1);
            await using var events = await answer.Content.ReadAsStreamAsync(cancellationToken);
            await events.CopyToAsync(Stream.Null, cancellationToken);
        }

        return Status(answer);
    }

    /// <summary>An epoch of the run each second.</summary>
    private async Task LearnAsync(long run, CancellationToken cancellationToken)
    {
        for (var epoch = 1; !cancellationToken.IsCancellationRequested; epoch++)
        {
            await service.PsqlAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"UPDATE training_runs SET epochs = epochs || '[{{\"epoch\": {epoch}, \"phase\": \"fit\", \"trainLoss\": 1, \"seconds\": 1}}]' WHERE run_id = {run}"
                )
            );
            await WaitAsync(Epoch, cancellationToken);
        }
    }

    /// <summary>Several create the same user and item in the same moment, and one deletes the user, all as fast as they are answered.</summary>
    private Task CollideAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            Many(Writers, writer => AgainAsync(
                    async () =>
                    {
                        using var content = new StringContent(
                            """{"interactions":[{"userId":"contended","itemId":"contended","type":"purchase"}]}""",
                            Encoding.UTF8,
                            "application/json"
                        );
                        using var answer = await client.PostAsync("/v1/interactions", content, cancellationToken);
                        return answer.IsSuccessStatusCode ? "acknowledged" : Status(answer);
                    },
                    cancellationToken,
                    atOnce: true
                )),
            AgainAsync(
                async () =>
                {
                    using var answer = await client.DeleteAsync("/v1/users/contended", cancellationToken);
                    return $"deletion {Status(answer)}";
                },
                cancellationToken,
                atOnce: true
            )
        );

    private async Task AgainAsync(Func<Task<string>> request, CancellationToken cancellationToken, bool atOnce = false)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string answer;
            try
            {
                answer = await request();
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
            {
                answer = exception.GetType().Name;
            }

            Answers.AddOrUpdate(answer, 1, (_, count) => count + 1);
            if (!atOnce)
            {
                await WaitAsync(Pause, cancellationToken);
            }
        }
    }

    private static async Task WaitAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(pause, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The flood is over.
        }
    }

    private static string Status(HttpResponseMessage answer) => ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
}
