namespace RecService.Api.Http;

/// <summary>
/// Asks the store whether the caller may still do what was allowed when the request came. To be called before what takes long is committed: a key
/// that was revoked meanwhile changes nothing more.
/// </summary>
/// <exception cref="AccessWithdrawnException">The caller may not.</exception>
internal delegate Task StillAllowed(HttpContext context, CancellationToken cancellationToken);

/// <summary>The key of a request was revoked, or has expired, while the request was worked on. Nothing of it was done.</summary>
internal sealed class AccessWithdrawnException()
    : Exception("The API key is no longer valid: it was revoked, or has expired, since the request began. Nothing of the request was done.");
