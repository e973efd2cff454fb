using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace RecService.Client;

/// <summary>The service answered that it will not, or cannot.</summary>
public sealed class RecServiceException : Exception
{
    private readonly IReadOnlyDictionary<string, IEnumerable<string>> _headers;

    /// <summary>Makes one of an answer.</summary>
    /// <param name="message">What was asked.</param>
    /// <param name="statusCode">The status of the answer.</param>
    /// <param name="response">Its body: problem details, unless something between has answered.</param>
    /// <param name="headers">Its headers.</param>
    /// <param name="innerException">Why it could not be read, if it could not.</param>
    public RecServiceException(
        string message,
        int statusCode,
        string? response,
        IReadOnlyDictionary<string, IEnumerable<string>> headers,
        Exception? innerException
    )
        : base(message, innerException)
    {
        _headers = headers;
        StatusCode = (HttpStatusCode)statusCode;
        Problem = ProblemOf(response);
        Response = response;
    }

    /// <summary>The status of the answer.</summary>
    public HttpStatusCode StatusCode { get; }

    /// <summary>What is wrong, by field where a field is; null when what answered was not the service.</summary>
    public Problem? Problem { get; }

    /// <summary>The body of the answer.</summary>
    public string? Response { get; }

    /// <summary>When the service wants to be asked again, where it has said so.</summary>
    public TimeSpan? RetryAfter =>
        RetryConditionHeaderValue.TryParse(Header("Retry-After"), out var value) && (value.Delta ?? (value.Date - DateTimeOffset.UtcNow)) is { } wait
            ? TimeSpan.FromTicks(Math.Max(wait.Ticks, 0))
            : null;

    /// <summary>Where the answer refers to: the training run that is going on, when another one was to be started.</summary>
    public Uri? Location => Uri.TryCreate(Header("Location"), UriKind.RelativeOrAbsolute, out var location) ? location : null;

    /// <summary>Whether the same request may be taken later.</summary>
    public bool IsTemporary =>
        StatusCode
            is HttpStatusCode.RequestTimeout
                or HttpStatusCode.TooManyRequests
                or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable
                or HttpStatusCode.GatewayTimeout;

    /// <summary>What was asked, and the problem with its fields and its trace.</summary>
    public override string Message
    {
        get
        {
            if (Problem is null)
            {
                return base.Message;
            }

            var message = new StringBuilder(base.Message);
            message.Append(Problem.Title is null ? "" : $": {Problem.Title}").Append(Problem.Detail is null ? "" : $"\n  {Problem.Detail}");
            foreach (var (path, reasons) in Problem.Errors ?? new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal))
            {
                message.Append($"\n  {path}: {string.Join(" ", reasons)}");
            }

            return message.Append(Problem.TraceId is null ? "" : $"\n  trace {Problem.TraceId}").ToString();
        }
    }

    private string? Header(string name) =>
        _headers.FirstOrDefault(header => string.Equals(header.Key, name, StringComparison.OrdinalIgnoreCase)).Value?.FirstOrDefault();

    private static Problem? ProblemOf(string? response)
    {
        // What stands between, such as a proxy, answers with pages.
        if (string.IsNullOrEmpty(response) || response[0] is not '{')
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<Problem>(response, RecServiceClient.Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
