using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace RecService.Api.Http.Errors;

/// <summary>A problem as a page, for those paths that people look at; null elsewhere.</summary>
internal delegate IResult? PageOfProblem(HttpContext context, ProblemDetails problem);

internal static class ProblemPages
{
    /// <summary>Answers with a problem: by a page where people look.</summary>
    public static Task AnswerAsync(this HttpContext context, ProblemHttpResult problem) =>
        (context.RequestServices.GetService<PageOfProblem>()?.Invoke(context, problem.ProblemDetails) ?? problem).ExecuteAsync(context);
}
