namespace RecService.Client.Http;

/// <summary>What a request means, as far as it matters for how it is sent.</summary>
internal static class Requests
{
    public const string IdempotencyKey = "Idempotency-Key";

    private static readonly string[] ReadsByPost = ["/v1/recommendations", "/v1/recommendations/batch", "/v1/scores", "/v1/cross-features"];
    private static readonly string[] LastLong = ["/import", "/export", "/events", "/activate"];

    public static bool StoresInteractions(HttpRequestMessage request) => request.Method == HttpMethod.Post && Is(request, "/v1/interactions");

    /// <summary>Whether a request may have been done already, and still be sent once more.</summary>
    public static bool IsRepeatable(HttpRequestMessage request) =>
        request.Content is null or ByteArrayContent
        && (
            request.Method == HttpMethod.Get
            || request.Method == HttpMethod.Put
            || request.Method == HttpMethod.Delete
            || (
                request.Method == HttpMethod.Post
                && (request.Headers.Contains(IdempotencyKey) || ReadsByPost.Any(path => Is(request, path)))
            )
        );

    /// <summary>Whether a request takes as long as its data do.</summary>
    public static bool TakesLong(HttpRequestMessage request) =>
        request.Method == HttpMethod.Delete
        || LastLong.Any(path => Is(request, path))
        || request.RequestUri!.AbsolutePath.Contains("/v1/exports/", StringComparison.Ordinal);

    // The service may lie below a path of a proxy's.
    private static bool Is(HttpRequestMessage request, string path) => request.RequestUri!.AbsolutePath.EndsWith(path, StringComparison.Ordinal);
}
