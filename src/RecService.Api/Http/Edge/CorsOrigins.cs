using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http.Edge;

/// <summary>Section <c>Cors</c>.</summary>
internal sealed class CorsSettings
{
    /// <summary>The origins whose pages may call the service, such as <c>https://shop.example</c>; none: no page of another origin may.</summary>
    public string[] Origins { get; set; } = [];

    public static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Pages of other origins may call the service where those are configured.</summary>
internal static class CorsOrigins
{
    public static IServiceCollection AddCorsOrigins(this IServiceCollection services)
    {
        services
            .AddOptions<CorsSettings>()
            .BindConfiguration("Cors", binder => binder.ErrorOnUnknownConfiguration = true)
            .Validate(
                settings => settings.Origins.All(CorsSettings.IsOrigin),
                "Cors:Origins must hold origins such as https://shop.example, without a path."
            )
            .ValidateOnStart();
        services.AddCors();
        services
            .AddOptions<CorsOptions>()
            .Configure<IOptions<CorsSettings>>(
                (cors, settings) =>
                    cors.AddDefaultPolicy(policy =>
                        policy
                            .WithOrigins(settings.Value.Origins)
                            .AllowAnyMethod()
                            .AllowAnyHeader()
                            .WithExposedHeaders("Location", "Retry-After", "WWW-Authenticate", "X-Model-Version", "X-Fields", "X-Degraded")
                    )
            );
        return services;
    }

    /// <summary>To be called after routing, and before a preflight, which has no key, would be refused.</summary>
    public static void UseCorsOrigins(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<CorsSettings>>().Value.Origins.Length > 0)
        {
            app.UseCors();
        }
    }
}
