using System.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;

namespace RecService.Api.Http.Errors;

/// <summary>The problem details (RFC 9457) that every slice answers with.</summary>
internal static class Problems
{
    public static ValidationProblem Invalid(string field, string reason) => Invalid([new FieldError(field, reason)]);

    public static ValidationProblem Invalid(IEnumerable<FieldError> errors) =>
        TypedResults.ValidationProblem(
            errors
                .GroupBy(error => error.Field, error => error.Reason, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Distinct(StringComparer.Ordinal).ToArray(), StringComparer.Ordinal),
            extensions: Trace()
        );

    public static ValidationProblem ToProblem(this FieldErrors errors) => Invalid(errors.All);

    /// <summary>An unknown id, say <c>NotFound("user", id)</c>.</summary>
    public static ProblemHttpResult NotFound(string kind, object id) => Of(StatusCodes.Status404NotFound, $"There is no {kind} '{id}'.");

    /// <summary>A conflict that clients tell from others by its type, say <c>/problems/no-model</c>.</summary>
    public static ProblemHttpResult Conflict(string type, string title, string detail) => Of(StatusCodes.Status409Conflict, detail, title, type);

    public static ProblemHttpResult TooLarge() => Of(StatusCodes.Status413PayloadTooLarge, "The body is larger than this endpoint accepts.");

    public static ProblemHttpResult UnknownMediaType() =>
        Of(StatusCodes.Status415UnsupportedMediaType, "The body's media type is not one that this endpoint accepts.");

    /// <summary>To be sent with <c>Retry-After</c>.</summary>
    public static ProblemHttpResult TooMany() =>
        Of(StatusCodes.Status429TooManyRequests, "Too many requests; Retry-After says when the next one may come.");

    public static ProblemHttpResult Unexpected() =>
        Of(StatusCodes.Status500InternalServerError, "An unexpected error; the log has more under this traceId.");

    /// <summary>To be sent with <c>Retry-After</c>.</summary>
    public static ProblemHttpResult TimedOut() => Of(StatusCodes.Status504GatewayTimeout, "The request took longer than a minute and was given up.");

    /// <summary>What is to be said of an answer that nobody wrote a body for, such as that of routing to an unknown path.</summary>
    public static ProblemHttpResult OfStatus(int status) =>
        status switch
        {
            StatusCodes.Status404NotFound => Of(status, "There is nothing at this path."),
            StatusCodes.Status405MethodNotAllowed => Of(status, "The method is not one that this path takes; Allow names those."),
            StatusCodes.Status415UnsupportedMediaType => UnknownMediaType(),
            _ => Of(status),
        };

    /// <summary>A body that is too large for a reason that its sender has to know.</summary>
    public static ProblemHttpResult TooLarge(string reason) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status413PayloadTooLarge,
            extensions: [.. Trace(), new("errors", new Dictionary<string, string[]>(StringComparer.Ordinal) { ["$"] = [reason] })]
        );

    /// <summary>To be sent with <c>Retry-After</c>.</summary>
    public static ProblemHttpResult Overloaded() =>
        Of(
            StatusCodes.Status503ServiceUnavailable,
            "More requests come than can be answered; Retry-After says when to try again.",
            "Overloaded.",
            "/problems/overloaded"
        );

    /// <summary>To be sent with <c>Retry-After</c>.</summary>
    public static ProblemHttpResult Collision() =>
        Of(
            StatusCodes.Status503ServiceUnavailable,
            "Other requests were changing the same users, items or interactions. Nothing of this one was done; send it again.",
            "Too many requests change the same.",
            "/problems/collision"
        );

    public static ProblemHttpResult Of(int status, string? detail = null, string? title = null, string? type = null) =>
        TypedResults.Problem(detail, statusCode: status, title: title, type: type, extensions: Trace());

    /// <summary>A problem of one field that is no mistake in it.</summary>
    public static HttpValidationProblemDetails OfField(int status, string field, string reason, string detail, string title, string type) =>
        new(new Dictionary<string, string[]>(StringComparer.Ordinal) { [field] = [reason] })
        {
            Status = status,
            Detail = detail,
            Title = title,
            Type = type,
            Extensions = Trace().ToDictionary(StringComparer.Ordinal),
        };

    private static KeyValuePair<string, object?>[] Trace() => [new("traceId", Activity.Current?.Id)];
}
