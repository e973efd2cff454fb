using Microsoft.Net.Http.Headers;

namespace RecService.Api.Http.Edge;

/// <summary>Tells browsers to make nothing else of an answer than what it is.</summary>
internal static class SecurityHeaders
{
    private const string NothingAtAll = "default-src 'none'; frame-ancestors 'none'";

    // Swagger UI puts styles into the page, and its pictures into the styles; its scripts are files of their own.
    private const string PageOfOurOwn =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    // Nothing of its own in the page, and nothing from elsewhere. Pictures of items may be in their metadata.
    private const string Dashboard =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>To be called first of all.</summary>
    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
            {
                // Late, because the answer to an exception starts with no headers.
                context.Response.OnStarting(Add, context);
                return next(context);
            }
        );

    private static Task Add(object state)
    {
        var context = (HttpContext)state;
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        var path = context.Request.Path;
        var isDashboard = path.StartsWithSegments("/dashboard", StringComparison.OrdinalIgnoreCase);
        headers.ContentSecurityPolicy =
            isDashboard ? Dashboard
            : path.StartsWithSegments("/swagger", StringComparison.OrdinalIgnoreCase) ? PageOfOurOwn
            : NothingAtAll;

        // Answers are about persons, and those of keys hold secrets; files of the dashboard, which are no such answers, say how long they hold.
        if (
            path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase)
            || (isDashboard && !path.StartsWithSegments("/dashboard/assets", StringComparison.OrdinalIgnoreCase))
        )
        {
            headers[HeaderNames.CacheControl] = "no-store";
        }

        return Task.CompletedTask;
    }
}
