using Microsoft.Extensions.Options;
using RecService.Api.Access;
using RecService.Api.Catalog;
using RecService.Api.Dashboard;
using RecService.Api.Http;
using RecService.Api.Interactions;
using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Api.Scoring;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Api.Training;

namespace RecService.Api.Operations;

/// <summary>The one place where the service is put together; as a program of its own, in a host, and in tests it all starts from here.</summary>
internal static class RecServiceApplication
{
    private const string ShutdownTimeoutKey = "ShutdownTimeout";

    // Kubernetes kills after half a minute.
    private static readonly TimeSpan DefaultShutdownTimeout = TimeSpan.FromSeconds(25);

    /// <summary>Adds everything the service consists of. Hosted services start in this order and stop in the reverse one.</summary>
    public static WebApplicationBuilder AddService(this WebApplicationBuilder builder)
    {
        builder
            .Services.AddOptions<HostOptions>()
            .Configure<IConfiguration>(
                (host, configuration) => host.ShutdownTimeout = configuration.GetValue(ShutdownTimeoutKey, DefaultShutdownTimeout)
            )
            .Validate(host => host.ShutdownTimeout > TimeSpan.Zero, $"{ShutdownTimeoutKey} must be a time such as 00:00:25.")
            .ValidateOnStart();
        builder.AddTelemetry(services => services.GetRequiredService<IOptions<TrainingOptions>>().Value.Types.Keys);
        builder.AddStorage();
        builder.AddHttpConventions();
        builder.AddAccess();
        builder.AddModels();
        builder.AddPublishing();
        builder.AddTraining();
        builder.AddScoring();
        builder.AddCatalog();
        builder.AddInteractions();
        builder.AddDashboard();
        builder.AddOperations();
        return builder;
    }

    /// <summary>Maps the pipeline and the endpoints.</summary>
    /// <param name="app">The application.</param>
    /// <param name="isStandalone">Whether the origin is the service's own, and with it <c>/</c> and what is said of the whole of it.</param>
    public static WebApplication UseService(this WebApplication app, bool isStandalone)
    {
        app.UseRequestSpans();
        app.UseHttpConventions(isStandalone);
        app.UseAccess();
        app.UseRequestChecks();
        app.MapAccess();
        app.MapCatalog();
        app.MapInteractions();
        app.MapScoring();
        app.MapTraining();
        app.MapModels();
        app.MapPublishing();
        app.MapDashboard(isStandalone);
        app.MapOperations(isStandalone);
        app.MapExport()?.RequireAuthorization(Roles.Score);
        return app;
    }
}
