using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using RecService.Api.Dashboard.Pages;

namespace RecService.Api.Dashboard;

/// <summary>What all forms of the dashboard have in common: the token that says that the form is ours, and what follows when it was sent.</summary>
internal static class DashboardForms
{
    public const string TokenField = "token";

    /// <summary>Of a form, which stays in memory with it.</summary>
    private const int MostBytes = 60 * 1024;

    public static RouteGroupBuilder TakesSmallForms(this RouteGroupBuilder group) => group.WithMetadata(new RequestSizeLimitAttribute(MostBytes));

    public static RouteGroupBuilder TakesForms(this RouteGroupBuilder group)
    {
        group.TakesSmallForms();
        group.AddEndpointFilter(
            async (context, next) =>
            {
                var antiforgery = context.HttpContext.RequestServices.GetRequiredService<IAntiforgery>();
                return await antiforgery.IsRequestValidAsync(context.HttpContext)
                    ? await next(context)
                    : Problem(
                        StatusCodes.Status400BadRequest,
                        "The form is no longer valid.",
                        "It was opened before the last sign-in, or cookies are switched off. Open the page anew and send it again."
                    );
            }
        );
        return group;
    }

    /// <summary>Goes on with a page, so that to load it again sends nothing again.</summary>
    public static IResult GoTo(string path) => new SeeOther(DashboardPaths.Root + path);

    /// <summary>Goes on where an endpoint of the API has done what was asked for; else a page says why not.</summary>
    /// <param name="answer">What the endpoint answered.</param>
    /// <param name="then">What follows.</param>
    /// <typeparam name="T">What the endpoint answers when all is well.</typeparam>
    public static IResult After<T>(IResult answer, Func<T, IResult> then) =>
        Inner(answer) switch
        {
            IValueHttpResult<T> { Value: { } value } => then(value),
            var other => Refusal(other),
        };

    /// <summary>As <see cref="After{T}"/>, for what answers with no content.</summary>
    public static IResult After(IResult answer, string path) => Inner(answer) is NoContent ? GoTo(path) : Refusal(Inner(answer));

    /// <summary>The value that an endpoint of the API answers with; null with the reason where it refuses.</summary>
    public static (T? Value, string? Reason) Read<T>(IResult answer)
        where T : class =>
        Inner(answer) switch
        {
            IValueHttpResult<T> { Value: { } value } => (value, null),
            ProblemHttpResult problem => (null, problem.ProblemDetails.Detail ?? problem.ProblemDetails.Title),
            ValidationProblem invalid => (null, Sentence(invalid.ProblemDetails)),
            var other => throw new InvalidOperationException($"An endpoint answered with {other.GetType().Name}."),
        };

    private static IResult Inner(IResult answer) => answer is INestedHttpResult nested ? nested.Result : answer;

    /// <summary>A problem as a page of the dashboard; null for other requests than those of it.</summary>
    public static IResult? PageOf(HttpContext context, ProblemDetails problem) =>
        DashboardPaths.IsBelow(context.Request)
            ? Problem(
                problem.Status ?? StatusCodes.Status500InternalServerError,
                problem.Title ?? "It could not be done.",
                problem is HttpValidationProblemDetails invalid ? Sentence(invalid) : problem.Detail ?? "",
                problem.Status >= StatusCodes.Status500InternalServerError ? problem.Extensions["traceId"]?.ToString() : null
            )
            : null;

    /// <summary>Says why an endpoint of the API refused.</summary>
    public static RazorComponentResult Refusal(IResult answer) =>
        answer switch
        {
            ProblemHttpResult { ProblemDetails: var problem } => Problem(
                problem.Status ?? StatusCodes.Status400BadRequest,
                problem.Title ?? "It could not be done.",
                problem.Detail ?? ""
            ),
            ValidationProblem { ProblemDetails: var invalid } => Problem(
                invalid.Status ?? StatusCodes.Status400BadRequest,
                "Something in the form is not right.",
                Sentence(invalid)
            ),
            _ => throw new InvalidOperationException($"An endpoint answered with {answer.GetType().Name}."),
        };

    private static string Sentence(HttpValidationProblemDetails invalid) =>
        string.Join(" ", invalid.Errors.SelectMany(field => field.Value.Select(reason => $"{field.Key} {reason}.")));

    private static RazorComponentResult<ProblemPage> Problem(int status, string title, string detail, string? traceId = null) =>
        new(
            new
            {
                Title = title,
                Detail = detail,
                TraceId = traceId,
            }
        ) { StatusCode = status, PreventStreamingRendering = true };

    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }
}
