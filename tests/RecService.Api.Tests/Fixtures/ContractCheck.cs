namespace RecService.Api.Tests.Fixtures;

/// <summary>
/// Holds every answer that a test gets against the OpenAPI document. A client of its own, over TCP like that of tests, so that what is checked is what callers get.
/// </summary>
public sealed class ContractCheck : DelegatingHandler
{
    public ContractCheck() { }

    public ContractCheck(HttpMessageHandler inner)
        : base(inner) { }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var answer = await base.SendAsync(request, cancellationToken);
        var mediaType = answer.Content.Headers.ContentType?.MediaType;
        ReadOnlyMemory<byte> body = default;
        if (Contract.IsJson(mediaType) && request.Method != HttpMethod.Head)
        {
            await answer.Content.LoadIntoBufferAsync(cancellationToken);
            body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        }

        var path = request.RequestUri!.AbsolutePath;
        return Contract.OfService.Violation(request.Method.Method, path, (int)answer.StatusCode, mediaType, body) is { } violation
            ? throw new ContractViolationException(
                $"{request.Method} {path} broke the contract by {violation}.\n{(int)answer.StatusCode} {System.Text.Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 2000)])}"
            )
            : answer;
    }
}

/// <summary>An answer that is not as the OpenAPI document says.</summary>
public sealed class ContractViolationException(string message) : Exception(message);
