using Microsoft.Extensions.Options;

namespace RecService.Client.Http;

/// <summary>What is done each time that a request is sent: it gets the key of this moment, and its answer is read whole while time is taken.</summary>
internal sealed class AttemptHandler(IOptionsMonitor<RecServiceClientOptions> options) : DelegatingHandler
{
    private const string KeyHeader = "X-Api-Key";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Remove(KeyHeader);
        if (options.CurrentValue.ApiKey is { Length: > 0 } key)
        {
            request.Headers.Add(KeyHeader, key);
        }

        var response = await base.SendAsync(request, cancellationToken);
        try
        {
            // One that breaks off or stalls is a failed attempt, like one that does not come. What is no JSON are streams.
            if (response.Content.Headers.ContentType?.MediaType is null or "application/json" or "application/problem+json")
            {
                await response.Content.LoadIntoBufferAsync(cancellationToken);
            }

            return response;
        }
        catch (IOException broken)
        {
            response.Dispose();
            throw new HttpRequestException((broken as HttpIOException)?.HttpRequestError ?? HttpRequestError.Unknown, broken.Message, broken);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }
}
