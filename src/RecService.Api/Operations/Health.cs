using Microsoft.Extensions.Diagnostics.HealthChecks;
using RecService.Api.Publishing;
using RecService.Api.Storage;

namespace RecService.Api.Operations;

/// <summary>The probes: <c>live</c> says that the process answers, <c>ready</c> that the store does and a snapshot is there.</summary>
internal static class Health
{
    private const string ReadyTag = "ready";

    public static void AddHealth(this IHostApplicationBuilder builder) => builder.Services.AddHealthChecks()
        .AddDbContextCheck<RecServiceDbContext>("database", tags: [ReadyTag])
        .AddCheck<SnapshotCheck>("snapshot", tags: [ReadyTag]);

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health/live", new() { Predicate = _ => false }).AllowAnonymous().DisableRateLimiting();
        endpoints.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains(ReadyTag), ResponseWriter = WriteAsync })
            .AllowAnonymous().DisableRateLimiting();
    }

    private static Task WriteAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new
    {
        status = report.Status.ToString(),
        checks = report.Entries.ToDictionary(entry => entry.Key, entry => new { status = entry.Value.Status.ToString(), entry.Value.Description }, StringComparer.Ordinal),
    });

    /// <summary>Without a model the service is ready all the same: it answers by popularity.</summary>
    private sealed class SnapshotCheck(Publisher publisher) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(publisher.RefusedVersion is { } refused ? HealthCheckResult.Degraded($"Model {refused} is active but not fit to be served.") :
                publisher.IsReady
                ? HealthCheckResult.Healthy(publisher.Current.Model is { } model ? $"Model {model.Version} is served." : "No model yet; popularity is served.")
                : HealthCheckResult.Unhealthy("No snapshot has been built yet."));
    }
}
