using Microsoft.AspNetCore.Mvc;

namespace RecService.Api.Http.Errors;

/// <summary>A problem as a page, for those paths that people look at; null elsewhere.</summary>
internal delegate IResult? PageOfProblem(HttpContext context, ProblemDetails problem);
