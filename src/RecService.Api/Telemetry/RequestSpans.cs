using System.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;

namespace RecService.Api.Telemetry;

/// <summary>
/// Describes the spans of requests by the OpenTelemetry conventions, with one exception: <c>url.path</c> and <c>url.query</c> are left out, because
/// paths hold the ids of users. The route says the same without them.
/// </summary>
internal static class RequestSpans
{
    private const string OtherMethod = "_OTHER";

    /// <summary>To be called before all other middleware, so that the status is that of the answer.</summary>
    public static IApplicationBuilder UseRequestSpans(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
            {
                if (context.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } span)
                {
                    return next(context);
                }

                var path = context.Request.Path;
                if (!path.StartsWithSegments("/health", StringComparison.Ordinal) && !path.StartsWithSegments(TelemetryExport.PrometheusPath, StringComparison.Ordinal))
                {
                    return DescribedAsync(span, context, next);
                }

                // Probes come every few seconds and say nothing that the metrics do not.
                span.IsAllDataRequested = false;
                span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
                return next(context);
            }
        );

    private static async Task DescribedAsync(Activity span, HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        finally
        {
            Describe(span, context);
        }
    }

    private static void Describe(Activity span, HttpContext context)
    {
        var method = KnownMethod(context.Request.Method);
        var name = method == OtherMethod ? "HTTP" : method;
        span.SetTag("http.request.method", method).SetTag("url.scheme", context.Request.Scheme);
        // The handler of exceptions takes the endpoint away.
        if (
            (context.GetEndpoint() ?? context.Features.Get<IExceptionHandlerFeature>()?.Endpoint) is RouteEndpoint { RoutePattern.RawText: { } route }
        )
        {
            span.SetTag("http.route", route);
            name = $"{name} {route}";
        }

        span.DisplayName = name;
        var status = context.Response.StatusCode;
        span.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
        {
            span.SetStatus(ActivityStatusCode.Error);
            span.SetTag(
                "error.type",
                context.Features.Get<IExceptionHandlerFeature>()?.Error.GetType().FullName
                    ?? status.ToString(System.Globalization.CultureInfo.InvariantCulture)
            );
        }
    }

    // A method that nobody knows is text of the caller's.
    private static string KnownMethod(string method) =>
        HttpMethods.GetCanonicalizedValue(method) is "GET" or "PUT" or "POST" or "DELETE" or "HEAD" or "OPTIONS" or "PATCH" or "TRACE" or "CONNECT"
            ? HttpMethods.GetCanonicalizedValue(method)
            : OtherMethod;
}
