using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http.Edge;

/// <summary>
/// Serves the API below a path of a proxy's, whether the proxy takes the path off or not: <see cref="ProxySettings.PathBase"/> names it, or a trusted
/// proxy does with each request. Addresses in answers begin with it.
/// </summary>
internal static partial class PathPrefixes
{
    /// <summary>Whether the text is a path that addresses can begin with. No character of it needs an escape, in an address or in JSON.</summary>
    public static bool IsPrefix(string text) => Prefix().IsMatch(text);

    /// <summary>To be called after the proxies' headers have been read, and before anything that looks at the path.</summary>
    public static IApplicationBuilder UsePathPrefixes(this IApplicationBuilder app)
    {
        var configured = app.ApplicationServices.GetRequiredService<IOptions<ProxySettings>>().Value.PathBase;
        return app.Use(
            (context, next) =>
            {
                var request = context.Request;
                if (request.PathBase is { HasValue: true, Value: var forwarded } && !IsPrefix(forwarded))
                {
                    request.PathBase = PathString.Empty;
                }

                if (!string.IsNullOrEmpty(configured))
                {
                    var prefix = new PathString(configured);
                    if (request.Path.StartsWithSegments(prefix, StringComparison.Ordinal, out var rest))
                    {
                        request.Path = rest.HasValue ? rest : "/";
                    }

                    if (!request.PathBase.HasValue)
                    {
                        request.PathBase = prefix;
                    }
                }

                if (request.PathBase.HasValue)
                {
                    context.Response.OnStarting(Complete, context);
                }

                return next(context);
            }
        );
    }

    // Endpoints name addresses of the service's own, without knowing where it is served.
    private static Task Complete(object state)
    {
        var context = (HttpContext)state;
        if (context.Response.Headers.Location is [['/', not '/', ..] address])
        {
            context.Response.Headers.Location = context.Request.PathBase.Value + address;
        }

        return Task.CompletedTask;
    }

    [GeneratedRegex(@"^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Prefix();
}
