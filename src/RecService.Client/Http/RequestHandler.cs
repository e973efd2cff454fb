using System.IO.Compression;
using Microsoft.Extensions.Options;
using Polly.Timeout;

namespace RecService.Client.Http;

/// <summary>What is done once for a request, however often it is sent: its body is compressed, interactions get a key, and a failure its type.</summary>
internal sealed class RequestHandler(IOptionsMonitor<RecServiceClientOptions> options) : DelegatingHandler
{
    private const int LeastCompressed = 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Requests.StoresInteractions(request) && !request.Headers.Contains(Requests.IdempotencyKey))
        {
            request.Headers.Add(Requests.IdempotencyKey, Guid.CreateVersion7().ToString("N"));
        }

        if (options.CurrentValue.Compress)
        {
            await CompressAsync(request, cancellationToken);
        }

        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            return response.IsSuccessStatusCode ? response : throw await FailureAsync(request, response, cancellationToken);
        }
        catch (HttpRequestException away)
        {
            throw new HttpRequestException(away.HttpRequestError, $"{Describe(request)}: {away.Message}", away, away.StatusCode);
        }
        catch (TimeoutRejectedException late)
        {
            throw new HttpRequestException(
                $"{Describe(request)}: no answer within {options.CurrentValue.Timeout.TotalSeconds:0.#} seconds.",
                late
            );
        }
    }

    private static async Task CompressAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is not ByteArrayContent { Headers: { ContentEncoding.Count: 0, ContentLength: >= LeastCompressed } } plain)
        {
            return;
        }

        using var buffer = new MemoryStream();
        await using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        {
            await plain.CopyToAsync(gzip, cancellationToken);
        }

        var content = new ByteArrayContent(buffer.GetBuffer(), 0, (int)buffer.Length);
        content.Headers.ContentType = plain.Headers.ContentType;
        content.Headers.ContentEncoding.Add("gzip");
        request.Content = content;
    }

    private static async Task<RecServiceException> FailureAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
        {
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(StringComparer.OrdinalIgnoreCase);
            var message = $"{Describe(request)}: {(int)response.StatusCode} {response.ReasonPhrase}";
            return new(message, (int)response.StatusCode, body, headers, innerException: null);
        }
    }

    private static string Describe(HttpRequestMessage request) => $"{request.Method} {request.RequestUri!.PathAndQuery}";
}
