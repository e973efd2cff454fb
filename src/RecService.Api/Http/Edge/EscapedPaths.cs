using Microsoft.AspNetCore.Http.Features;

namespace RecService.Api.Http.Edge;

/// <summary>
/// Gives routing the path of an API request as it was sent, percent-encoded. Servers decode a path and remove dot segments before routing,
/// after which the ids <c>..</c> and <c>a/b</c> could not be told from structure.
/// </summary>
internal static class EscapedPaths
{
    private const string Prefix = "/v1/";

    public static IApplicationBuilder UseEscapedPaths(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
            {
                if (context.Features.Get<IHttpRequestFeature>()?.RawTarget is { } target && PathOf(target, context.Request.PathBase) is { } path)
                {
                    context.Request.Path = new PathString(path);
                }

                return next(context);
            }
        );

    private static string? PathOf(string target, PathString pathBase)
    {
        var start = 0;
        if (!target.StartsWith('/'))
        {
            // The absolute form, http://host/path, is for proxies, but every server has to accept it.
            var authority = target.IndexOf("://", StringComparison.Ordinal);
            start = authority < 0 ? -1 : target.IndexOf('/', authority + 3);
            if (start < 0)
            {
                return null;
            }
        }

        var end = target.AsSpan(start).IndexOfAny('?', '#');
        var path = end < 0 ? target[start..] : target.Substring(start, end);
        if (pathBase.HasValue && path.StartsWith(pathBase.Value + Prefix, StringComparison.Ordinal))
        {
            path = path[pathBase.Value.Length..];
        }

        return path.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? path : null;
    }
}
