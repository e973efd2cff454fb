using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Text;

namespace RecService.Client.Tests;

/// <summary>A request as it came in, with its body as it was before it was compressed.</summary>
internal sealed record Request(string Line, string? Key, string? IdempotencyKey, bool IsCompressed, string? MediaType, string Body);

/// <summary>Stands in the place of the network: answers as a test says, and keeps what was asked.</summary>
internal sealed class Answers(Func<Request, int, Task<HttpResponseMessage>> answer) : HttpMessageHandler
{
    private int _count;

    public Answers(Func<Request, int, HttpResponseMessage> answer)
        : this((request, number) => Task.FromResult(answer(request, number))) { }

    public ConcurrentQueue<Request> Requests { get; } = [];

    public static HttpResponseMessage Json(string text, HttpStatusCode status = HttpStatusCode.OK, TimeSpan? retryAfter = null)
    {
        var mediaType = (int)status < 400 ? "application/json" : "application/problem+json";
        var response = new HttpResponseMessage(status) { Content = new StringContent(text, Encoding.UTF8, mediaType) };
        if (retryAfter is { } wait)
        {
            response.Headers.RetryAfter = new(wait);
        }

        return response;
    }

    public static HttpResponseMessage Away() => Json("""{"title": "Away.", "status": 503}""", HttpStatusCode.ServiceUnavailable, TimeSpan.Zero);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var isCompressed = request.Content?.Headers.ContentEncoding.Contains("gzip") is true;
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        using var plain = new StreamReader(isCompressed ? new GZipStream(new MemoryStream(body), CompressionMode.Decompress) : new MemoryStream(body));
        var came = new Request(
            $"{request.Method} {request.RequestUri!.PathAndQuery}",
            Header(request, "X-Api-Key"),
            Header(request, "Idempotency-Key"),
            isCompressed,
            request.Content?.Headers.ContentType?.ToString(),
            await plain.ReadToEndAsync(cancellationToken)
        );
        Requests.Enqueue(came);
        var response = await answer(came, Interlocked.Increment(ref _count)).WaitAsync(cancellationToken);
        response.RequestMessage = request;
        return response;
    }

    private static string? Header(HttpRequestMessage request, string name) =>
        request.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;
}
