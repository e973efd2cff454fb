using RecService.Api.Http.Edge;
using RecService.Api.Operations.Embedding;

namespace RecService.Api.Operations;

/// <summary>The service below a path of another ASP.NET Core application.</summary>
public static class RecServiceExtensions
{
    /// <summary>
    /// Adds the service: it starts and ends with the application, and shares nothing with it but the log. Authentication, authorization, JSON, errors,
    /// limits and database of the application stay as they are.
    /// </summary>
    /// <param name="builder">The application's builder.</param>
    /// <param name="section">
    /// The section of the application's configuration that holds the service's settings, such as <c>RecService:Training:Factors</c>. The connection
    /// string may also be <c>ConnectionStrings:RecService</c> of the application.
    /// </param>
    public static IHostApplicationBuilder AddRecService(this IHostApplicationBuilder builder, string section = "RecService")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(section);
        builder.Services.AddSingleton(services => new EmbeddedService(
            services,
            section,
            services.GetRequiredService<ILogger<EmbeddedService>>()
        ));
        builder.Services.AddHostedService(services => services.GetRequiredService<EmbeddedService>());
        return builder;
    }

    /// <summary>
    /// Serves all of the service below a path, such as <c>/recs/v1/recommendations</c>, <c>/recs/health/ready</c> and <c>/recs/swagger</c>. Callers need
    /// the service's own API keys; policies of the application do not apply, unless they are required of what this returns.
    /// </summary>
    /// <param name="routes">Where to map it.</param>
    /// <param name="prefix">The path: segments of letters, digits and <c>. _ ~ -</c>, each after a slash.</param>
    /// <exception cref="ArgumentException">The prefix is no such path.</exception>
    /// <exception cref="InvalidOperationException">The service has not been added.</exception>
    public static IEndpointConventionBuilder MapRecService(this IEndpointRouteBuilder routes, string prefix)
    {
        ArgumentNullException.ThrowIfNull(routes);
        if (prefix is null || !PathPrefixes.IsPrefix(prefix))
        {
            throw new ArgumentException($"'{prefix}' is no path such as /recs.", nameof(prefix));
        }

        var service = routes.ServiceProvider.GetRequiredService<EmbeddedService>();
        return routes
            .Map(
                $"{prefix}/{{**path}}",
                context =>
                    service.AnswerAsync(context, prefixSegments: ((RouteEndpoint)context.GetEndpoint()!).RoutePattern.PathSegments.Count - 1)
            )
            .WithDisplayName("RecService")
            .AllowAnonymous()
            .DisableRateLimiting()
            .DisableAntiforgery()
            .ExcludeFromDescription();
    }
}
