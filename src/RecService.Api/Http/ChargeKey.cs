namespace RecService.Api.Http;

/// <summary>
/// Counts a request as more than one against the limit of its key, as what it asks for is known when its body has been read; at most as the requests
/// that may come at once. Returns how long to wait when that is too much, else null.
/// </summary>
internal delegate TimeSpan? ChargeKey(HttpContext context, int requests);
