using System.Diagnostics;

namespace RecService.Api.Telemetry;

/// <summary>The spans of the service's own work, beside those of ASP.NET Core and Npgsql.</summary>
internal static class Spans
{
    public const string SourceName = "RecService";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A part of the work that is going on.</summary>
    public static Activity? Start(string name) => Source.StartActivity(name);

    /// <summary>Work with a trace of its own, which outlives the request that may have asked for it: that is linked.</summary>
    public static Activity? StartRoot(string name)
    {
        var cause = Activity.Current;
        // A span without a parent is made under the current one otherwise.
        Activity.Current = null;
        return Source.StartActivity(ActivityKind.Internal, parentContext: default, links: cause is null ? null : [new(cause.Context)], name: name);
    }

    /// <summary>Marks a span as failed, by the kind of the error only: messages may quote data.</summary>
    public static void SetFailed(this Activity span, Exception exception) =>
        span.SetStatus(ActivityStatusCode.Error).SetTag("error.type", exception.GetType().FullName);
}
