using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using RecService.Cli.Commands;

namespace RecService.Cli.Service;

/// <summary>The part of the service's REST API that the commands use.</summary>
internal sealed class RecServiceClient : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly HttpClient _http;

    public RecServiceClient(Uri address, string? apiKey)
    {
        // Imports and event streams last as long as they last; what may not hang is the connection.
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) };
        _http = new HttpClient(handler, disposeHandler: true) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        if (apiKey is not null && !_http.DefaultRequestHeaders.TryAddWithoutValidation("X-Api-Key", apiKey))
        {
            throw new CommandFailedException("the API key has characters that no key has");
        }
    }

    public Uri Address => _http.BaseAddress!;

    public void Dispose() => _http.Dispose();

    /// <summary>Waits until the service says that it is ready. The first start of an embedded database takes some seconds.</summary>
    public async Task WaitUntilReadyAsync(TimeSpan limit, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        var last = "no answer";
        try
        {
            while (true)
            {
                try
                {
                    using var response = await _http.GetAsync(new Uri("health/ready", UriKind.Relative), deadline.Token);
                    if (response.IsSuccessStatusCode)
                    {
                        return;
                    }

                    last = $"{(int)response.StatusCode} {response.ReasonPhrase}";
                }
                catch (HttpRequestException failure)
                {
                    last = failure.Message;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(200), deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandFailedException($"{Address} was not ready within {limit.TotalSeconds:0} seconds; last: {last}");
        }
    }

    /// <summary>Sends lines to an import endpoint as they are enumerated.</summary>
    public async Task<WriteResult> ImportAsync<T>(string path, IEnumerable<T> lines, CancellationToken cancellation)
    {
        using var content = new NdjsonContent<T>(lines);
        return await SendAsync<WriteResult>(HttpMethod.Post, path, content, cancellation);
    }

    /// <summary>Sends a file, or a part of one, to an import endpoint.</summary>
    /// <param name="path">The endpoint, with its query.</param>
    /// <param name="body">The file.</param>
    /// <param name="mediaType">What the file is.</param>
    /// <param name="key">The Idempotency-Key, if it has one.</param>
    /// <param name="cancellation">Ends it; the service may have stored it all the same.</param>
    /// <exception cref="ServiceAwayException">It may be sent again.</exception>
    public async Task<WriteResult> ImportAsync(string path, ReadOnlyMemory<byte> body, string mediaType, string? key, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellation);
            if (IsTemporary(response.StatusCode))
            {
                var after = response.Headers.RetryAfter;
                throw new ServiceAwayException(await MessageAsync(request, response, cancellation), after?.Delta ?? after?.Date - DateTimeOffset.UtcNow);
            }

            return await ReadAsync<WriteResult>(request, response, cancellation);
        }
        catch (HttpRequestException failure)
        {
            throw new ServiceAwayException($"{Describe(request)}: {(failure.InnerException ?? failure).Message}", retryAfter: null, failure);
        }
    }

    public Task<WriteResult> AddInteractionsAsync(IReadOnlyList<InteractionLine> interactions, CancellationToken cancellation) =>
        PostAsync<WriteResult>("v1/interactions", new InteractionBatch(interactions), cancellation);

    /// <summary>Starts a training run, or joins the one that is going on.</summary>
    public async Task<(long RunId, bool Started)> StartTrainingAsync(CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/training-runs");
        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellation);
        if (response.StatusCode == HttpStatusCode.Conflict && response.Headers.Location is { } running)
        {
            var id = running.OriginalString.TrimEnd('/').Split('/')[^1];
            return long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var runId)
                ? (runId, false)
                : throw new CommandFailedException($"'{running}' is not the address of a training run");
        }

        return ((await ReadAsync<TrainingRun>(request, response, cancellation)).RunId, true);
    }

    public Task<TrainingRun> GetTrainingRunAsync(long runId, CancellationToken cancellation) =>
        SendAsync<TrainingRun>(HttpMethod.Get, $"v1/training-runs/{runId}", content: null, cancellation);

    /// <summary>The epochs of a training run as the service announces them; ends with the run, or when the connection breaks.</summary>
    public async IAsyncEnumerable<TrainingEpoch> FollowTrainingAsync(long runId, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/training-runs/{runId}/events");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        using var response = await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        await ThrowIfFailedAsync(request, response, cancellation);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        await using var events = SseParser.Create(stream).EnumerateAsync(cancellation).GetAsyncEnumerator(cancellation);
        while (await MoveNextAsync(events))
        {
            switch (events.Current.EventType)
            {
                case "epoch":
                    yield return Deserialize<TrainingEpoch>(events.Current.Data);
                    break;
                case "finished":
                    yield break;
            }
        }

        static async ValueTask<bool> MoveNextAsync(IAsyncEnumerator<SseItem<string>> events)
        {
            try
            {
                return await events.MoveNextAsync();
            }
            catch (Exception broken) when (broken is IOException or HttpRequestException)
            {
                return false; // the caller asks for the run itself and follows again while it goes on
            }
        }
    }

    public Task<Recommendations> RecommendAsync(RecommendationQuery query, CancellationToken cancellation) =>
        PostAsync<Recommendations>("v1/recommendations", query, cancellation);

    public Task<CrossFeatures> GetCrossFeaturesAsync(CrossFeaturesQuery query, CancellationToken cancellation) =>
        PostAsync<CrossFeatures>("v1/cross-features", query, cancellation);

    private async Task<T> PostAsync<T>(string path, object body, CancellationToken cancellation)
    {
        using var content = JsonContent.Create(body, body.GetType(), mediaType: null, Json);
        return await SendAsync<T>(HttpMethod.Post, path, content, cancellation);
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellation);
        return await ReadAsync<T>(request, response, cancellation);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellation)
    {
        try
        {
            return await _http.SendAsync(request, completion, cancellation);
        }
        catch (HttpRequestException failure)
        {
            throw new CommandFailedException($"{Describe(request)}: {(failure.InnerException ?? failure).Message}", failure);
        }
    }

    private static async Task<T> ReadAsync<T>(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        await ThrowIfFailedAsync(request, response, cancellation);
        return Deserialize<T>(await response.Content.ReadAsStringAsync(cancellation));
    }

    private static T Deserialize<T>(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json) ?? throw new JsonException("it is null");
        }
        catch (JsonException failure)
        {
            throw new CommandFailedException($"the service's answer is not understood: {failure.Message}", failure);
        }
    }

    private static bool IsTemporary(HttpStatusCode status) =>
        status
            is HttpStatusCode.TooManyRequests
                or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable
                or HttpStatusCode.GatewayTimeout;

    private static async Task ThrowIfFailedAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!response.IsSuccessStatusCode)
        {
            throw new CommandFailedException(await MessageAsync(request, response, cancellation));
        }
    }

    private static async Task<string> MessageAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        var message = new StringBuilder($"{Describe(request)}: {(int)response.StatusCode} {response.ReasonPhrase}");
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            var problem = Deserialize<Problem>(await response.Content.ReadAsStringAsync(cancellation));
            message.Append(problem.Title is null ? "" : $": {problem.Title}").Append(problem.Detail is null ? "" : $"\n  {problem.Detail}");
            foreach (var (field, reasons) in problem.Errors ?? new Dictionary<string, string[]>(StringComparer.Ordinal))
            {
                message.Append($"\n  {field}: {string.Join(" ", reasons)}");
            }

            message.Append(problem.TraceId is null ? "" : $"\n  trace {problem.TraceId}");
        }

        return message.ToString();
    }

    private static string Describe(HttpRequestMessage request) =>
        $"{request.Method} {(request.RequestUri!.IsAbsoluteUri ? request.RequestUri.PathAndQuery : "/" + request.RequestUri.OriginalString)}";

    /// <summary>One JSON object a line, serialised while the request is being sent.</summary>
    private sealed class NdjsonContent<T> : HttpContent
    {
        private readonly IEnumerable<T> _lines;

        public NdjsonContent(IEnumerable<T> lines)
        {
            _lines = lines;
            Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            using var buffer = new MemoryStream();
            foreach (var line in _lines)
            {
                JsonSerializer.Serialize(buffer, line, Json);
                buffer.WriteByte((byte)'\n');
                if (buffer.Length >= 64 * 1024)
                {
                    await FlushAsync();
                }
            }

            await FlushAsync();

            async Task FlushAsync()
            {
                await stream.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), cancellationToken);
                buffer.SetLength(0);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
