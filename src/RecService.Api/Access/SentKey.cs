namespace RecService.Api.Access;

/// <summary>The key that a request was sent with: in <c>X-Api-Key</c>, as a bearer, or the same in both.</summary>
/// <param name="Text">As it was sent; null where no key was.</param>
/// <param name="Conflict">Why it cannot be told which key is meant; null where it can.</param>
internal readonly record struct SentKey(string? Text, string? Conflict)
{
    public const string HeaderName = "X-Api-Key";

    private const string Bearer = "Bearer ";

    public static SentKey Of(HttpRequest request)
    {
        if (request.Headers[HeaderName] is { Count: > 1 })
        {
            return Unclear($"The header {HeaderName} has several values; send one key.");
        }

        if (request.Headers.Authorization is { Count: > 1 })
        {
            return Unclear("The header Authorization has several values; send one key.");
        }

        var header = request.Headers.TryGetValue(HeaderName, out var value) ? value.ToString() : null;
        // Other schemes may be for a proxy on the way.
        var bearer =
            request.Headers.Authorization.ToString() is var sent && sent.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
                ? sent[Bearer.Length..].Trim()
                : null;
        return header is not null && bearer is not null && !string.Equals(header, bearer, StringComparison.Ordinal)
            ? Unclear($"The headers {HeaderName} and Authorization hold different keys; send one of them.")
            : new(header ?? bearer, Conflict: null);
    }

    public bool TryParse(out KeyText key) => KeyText.TryParse(Text, out key);

    private static SentKey Unclear(string reason) => new(Text: null, reason);
}
