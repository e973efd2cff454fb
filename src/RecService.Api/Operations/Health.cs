using Microsoft.Extensions.Diagnostics.HealthChecks;
using RecService.Api.Publishing;
using RecService.Api.Training;

namespace RecService.Api.Operations;

/// <summary>
/// The probes. <c>live</c>: the process answers. <c>startup</c>: the first snapshot is there. <c>ready</c>: requests can be answered, with what works
/// and what does not; it is 503 only when nothing can be scored, since a process that is taken out of the balance because of the database helps nobody.
/// </summary>
internal static class Health
{
    private const string StartupTag = "startup";
    private const string ReadyTag = "ready";

    public static IHostApplicationBuilder AddHealth(this IHostApplicationBuilder builder)
    {
        // It logs every failure at every probe; ours logs changes.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService", LogLevel.None);
        builder
            .Services.AddSingleton<HealthLog>()
            .AddSingleton<DatabaseCheck>()
            .AddSingleton<TrainingCheck>()
            .AddHealthChecks()
            .AddCheck<DatabaseCheck>("database", HealthStatus.Degraded, [ReadyTag])
            .AddCheck<SnapshotCheck>("snapshot", tags: [StartupTag, ReadyTag])
            .AddCheck<ScheduleCheck>("schedule", HealthStatus.Degraded, [ReadyTag])
            .AddCheck<TrainingCheck>("training", HealthStatus.Degraded, [ReadyTag]);
        return builder;
    }

    public static IEndpointRouteBuilder MapHealthEndpoints(this IEndpointRouteBuilder routes)
    {
        Map("live", _ => false);
        Map("startup", check => check.Tags.Contains(StartupTag));
        Map("ready", check => check.Tags.Contains(ReadyTag));
        return routes;

        void Map(string name, Func<HealthCheckRegistration, bool> predicate) =>
            routes
                .MapHealthChecks($"/health/{name}", new() { Predicate = predicate, ResponseWriter = WriteAsync })
                .AllowAnonymous()
                .DisableRateLimiting();
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.RequestServices.GetRequiredService<HealthLog>().Note(report);
        return context.Response.WriteAsJsonAsync(
            new
            {
                status = report.Status.ToString(),
                checks = report.Entries.ToDictionary(
                    entry => entry.Key,
                    entry => new { status = entry.Value.Status.ToString(), entry.Value.Description },
                    StringComparer.Ordinal
                ),
            }
        );
    }

    /// <summary>Without a model the service is ready all the same: it answers by popularity.</summary>
    private sealed class SnapshotCheck(Publisher publisher) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(
                publisher.RefusedVersion is { } refused ? HealthCheckResult.Degraded($"Model {refused} is active but not fit to be served.")
                : publisher.IsReady
                    ? HealthCheckResult.Healthy(
                        publisher.Current.Model is { } model ? $"Model {model.Version} is served." : "No model yet; popularity is served."
                    )
                : HealthCheckResult.Unhealthy("No snapshot has been built yet.")
            );
    }

    private sealed class ScheduleCheck(RunScheduler scheduler) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(
                scheduler.ScheduleFails ? HealthCheckResult.Degraded("The schedule cannot be followed at the moment; it is tried again.")
                : !scheduler.HasSchedule ? HealthCheckResult.Healthy("No schedule is set; training works on demand.")
                : scheduler.NextTurn is { } turn ? HealthCheckResult.Healthy($"Training follows its schedule; the next run is due at {turn:u}.")
                : HealthCheckResult.Healthy("Training follows its schedule.")
            );
    }
}
