using System.Reflection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace RecService.Api.Telemetry;

/// <summary>
/// Sends traces and metrics by OTLP when the standard setting names an endpoint. All <c>OTEL_*</c> settings that the SDK knows count, from the
/// environment or from any other source of configuration. What cannot be sent is dropped: requests never wait for it.
/// </summary>
internal sealed partial class TelemetryExport : IHostedService, IDisposable
{
    public const string EndpointKey = "OTEL_EXPORTER_OTLP_ENDPOINT";
    public const string TracesEndpointKey = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    public const string MetricsEndpointKey = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

    private static readonly string[] Sources = ["Microsoft.AspNetCore", "Npgsql", Spans.SourceName];

    private static readonly string[] Meters =
    [
        ServiceMetrics.MeterName,
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.Server.Kestrel",
        "Npgsql",
        "System.Runtime",
    ];

    private readonly OpenTelemetrySdk? _sdk;

    public TelemetryExport(IConfiguration configuration, ILogger<TelemetryExport> logger)
    {
        var common = Endpoint(configuration, EndpointKey);
        var traces = Endpoint(configuration, TracesEndpointKey) ?? common;
        var metrics = Endpoint(configuration, MetricsEndpointKey) ?? common;
        if (traces is null && metrics is null)
        {
            return;
        }

        _sdk = OpenTelemetrySdk.Create(telemetry =>
        {
            telemetry.Services.AddSingleton(configuration);
            telemetry
                // The environment comes last, as what is added later wins.
                .ConfigureResource(resource => resource.AddService("recservice", serviceVersion: Version()).AddEnvironmentVariableDetector())
                // The exporter takes both, and would send what has no endpoint to localhost.
                .WithTracing(tracing => tracing.AddSource(traces is null ? [] : Sources))
                .WithMetrics(meters => meters.AddMeter(metrics is null ? [] : Meters))
                .UseOtlpExporter();
        });
        LogExporting(logger, traces?.Authority ?? "nowhere", metrics?.Authority ?? "nowhere");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is left, within a few seconds. The container does this last, as it made this service first.</summary>
    public void Dispose() => _sdk?.Dispose();

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
