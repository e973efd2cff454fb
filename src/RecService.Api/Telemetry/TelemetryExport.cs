using System.Reflection;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace RecService.Api.Telemetry;

/// <summary>
/// Sends traces and metrics by OTLP when the standard setting names an endpoint, and shows metrics to Prometheus when that is switched on. All
/// <c>OTEL_*</c> settings that the SDK knows count, from the environment or from any other source of configuration. What cannot be sent is dropped:
/// requests never wait for it.
/// </summary>
internal static partial class TelemetryExport
{
    public const string EndpointKey = "OTEL_EXPORTER_OTLP_ENDPOINT";
    public const string TracesEndpointKey = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    public const string MetricsEndpointKey = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    public const string PrometheusKey = "Telemetry:Prometheus";

    public const string PrometheusPath = "/metrics";

    public static void AddExport(this IHostApplicationBuilder builder)
    {
        var (traces, metrics) = Endpoints(builder.Configuration);
        var prometheus = ShowsToPrometheus(builder.Configuration);
        // The environment comes last, as what is added later wins.
        var telemetry = builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("recservice", serviceVersion: Version()).AddEnvironmentVariableDetector());
        if (traces is not null)
        {
            // Not by the instrumentation of ASP.NET Core, which adds the path with its ids of users.
            telemetry.WithTracing(tracing => tracing.AddSource("Microsoft.AspNetCore", Spans.SourceName).AddNpgsql());
        }

        if (metrics is not null || prometheus)
        {
            telemetry.WithMetrics(meters =>
            {
                meters
                    .AddMeter(ServiceMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
                    .AddNpgsqlInstrumentation()
                    .AddRuntimeInstrumentation();
                if (prometheus)
                {
                    meters.AddPrometheusExporter();
                }
            });
        }

        if (traces is not null || metrics is not null)
        {
            telemetry.UseOtlpExporter();
            // It would send the log, too, which stays on standard output.
            builder.Logging.AddFilter<OpenTelemetryLoggerProvider>(_ => false);
        }
    }

    /// <summary>Says where telemetry goes, and maps what Prometheus asks for.</summary>
    public static IEndpointConventionBuilder? MapExport(this WebApplication app)
    {
        var (traces, metrics) = Endpoints(app.Configuration);
        if (traces is not null || metrics is not null)
        {
            LogExporting(app.Logger, traces?.Authority ?? "nowhere", metrics?.Authority ?? "nowhere");
        }

        return ShowsToPrometheus(app.Configuration) ? app.MapPrometheusScrapingEndpoint(PrometheusPath).ExcludeFromDescription() : null;
    }

    private static bool ShowsToPrometheus(IConfiguration configuration) => configuration.GetValue(PrometheusKey, defaultValue: false);

    private static (Uri? Traces, Uri? Metrics) Endpoints(IConfiguration configuration)
    {
        var common = Endpoint(configuration, EndpointKey);
        return (Endpoint(configuration, TracesEndpointKey) ?? common, Endpoint(configuration, MetricsEndpointKey) ?? common);
    }

    private static Uri? Endpoint(IConfiguration configuration, string key)
    {
        if (configuration[key] is not { Length: > 0 } endpoint)
        {
            return null;
        }
        // The SDK would send to localhost instead.
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? uri
            : throw new InvalidOperationException($"{key} is no address such as http://localhost:4317.", new FormatException(endpoint));
    }

    private static string? Version() =>
        typeof(TelemetryExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    [LoggerMessage(LogLevel.Information, "Traces are sent to {Traces}, metrics to {Metrics}")]
    private static partial void LogExporting(ILogger logger, string traces, string metrics);
}
