using System.Reflection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace RecService.Api.Telemetry;

/// <summary>
/// Sends traces and metrics by OTLP when the standard setting names an endpoint. All <c>OTEL_*</c> settings that the SDK knows count, from the environment or from
/// any other source of configuration. What cannot be sent is dropped: requests never wait for it.
/// </summary>
internal sealed partial class TelemetryExport : IHostedService, IDisposable
{
    public const string EndpointKey = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private static readonly string[] Meters =
        [ServiceMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime"];

    private readonly OpenTelemetrySdk? _sdk;

    public TelemetryExport(IConfiguration configuration, ILogger<TelemetryExport> logger)
    {
        if (configuration[EndpointKey] is not { Length: > 0 } endpoint)
            return;
        // The SDK would send to localhost instead.
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            throw new InvalidOperationException($"{EndpointKey} is no address such as http://localhost:4317.", new FormatException(endpoint));
        _sdk = OpenTelemetrySdk.Create(telemetry =>
        {
            telemetry.Services.AddSingleton(configuration);
            telemetry
                // The environment comes last, as what is added later wins.
                .ConfigureResource(resource => resource.AddService("recservice", serviceVersion: Version()).AddEnvironmentVariableDetector())
                .WithTracing(tracing => tracing.AddSource("Microsoft.AspNetCore", "Npgsql", Spans.SourceName))
                .WithMetrics(metrics => metrics.AddMeter(Meters))
                .UseOtlpExporter();
        });
        LogExporting(logger, uri.Host, uri.Port);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is left, within a few seconds. The container does this last, as it made this service first.</summary>
    public void Dispose() => _sdk?.Dispose();

    private static string? Version() => typeof(TelemetryExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    [LoggerMessage(LogLevel.Information, "Traces and metrics are sent to {Host}, port {Port}")]
    private static partial void LogExporting(ILogger logger, string host, int port);
}
