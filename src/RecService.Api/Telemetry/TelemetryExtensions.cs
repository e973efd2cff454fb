using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace RecService.Api.Telemetry;

internal static class TelemetryExtensions
{
    // Without one, requests and training runs would have no trace ids in logs and answers unless they are exported.
    private static readonly ActivityListener TraceIds = new()
    {
        ShouldListenTo = source => source.Name is "Microsoft.AspNetCore" or Spans.SourceName,
        Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.PropagationData,
    };

    /// <summary>Adds metrics, spans and their export. To be called first, so that what the others do last is still exported.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="interactionTypes">The types of interactions that metrics tell apart.</param>
    public static IHostApplicationBuilder AddTelemetry(
        this IHostApplicationBuilder builder,
        Func<IServiceProvider, IEnumerable<string>> interactionTypes
    )
    {
        // The framework's own attributes of a request's span include the path.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", isEnabled: true);
        ActivitySource.AddActivityListener(TraceIds);
        builder.Services.AddSingleton(services => new ServiceMetrics(
            services.GetRequiredService<IMeterFactory>(),
            interactionTypes(services),
            services.GetRequiredService<TimeProvider>()
        ));
        builder.AddExport();
        return builder;
    }
}
