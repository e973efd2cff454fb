using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using RecService.Api.Http;

namespace RecService.Api.Access;

internal static class AccessExtensions
{
    /// <summary>Adds API keys, the policy of each role, and rate limits. What declares no role is denied to everybody.</summary>
    public static IHostApplicationBuilder AddAccess(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services
            .AddOptions<AccessOptions>()
            .BindConfiguration(AccessOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<AccessOptions>, AccessOptionsValidation>();
        services.AddSingleton<KnownKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<KnownKeys>());
        services.AddSingleton<StillAllowed>(provider => provider.GetRequiredService<KnownKeys>().EnsureAsync);
        services.AddSingleton<RateLimits>();
        services.AddSingleton<ChargeKey>(provider => provider.GetRequiredService<RateLimits>().Charge);
        services
            .AddAuthentication(ApiKeyHandler.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.SchemeName, configureOptions: null);

        // The endpoints that routing makes up by itself, to answer 404, 405 and 415, are for everybody with a key.
        var authorization = services
            .AddAuthorizationBuilder()
            .SetFallbackPolicy(
                new AuthorizationPolicyBuilder()
                    .RequireAuthenticatedUser()
                    .RequireAssertion(context => context.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint)
                    .Build()
            );
        foreach (var role in Roles.All)
        {
            authorization.AddPolicy(role, policy => policy.RequireRole(role, Roles.Admin));
        }

        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<RateLimits>((limiter, limits) => limits.Configure(limiter));
        return builder;
    }

    /// <summary>To be called right after routing: nothing of a request is looked at before its key.</summary>
    public static WebApplication UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        return app;
    }

    public static IEndpointRouteBuilder MapAccess(this IEndpointRouteBuilder routes) => routes.MapApiKeyEndpoints().MapAuditLogEndpoints();
}
