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

    private static KeyValuePair<string, object?>[] Trace() => [new("traceId", Activity.Current?.Id)];
}
