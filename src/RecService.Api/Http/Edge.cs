using System.Net;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace RecService.Api.Http;

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

/// <summary>Section <c>Proxy</c>.</summary>
internal sealed class ProxySettings
{
    /// <summary>
    /// Addresses (<c>10.0.0.5</c>) and networks (<c>10.0.0.0/8</c>) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    /// </summary>
    public string[] Trusted { get; set; } = [];
}

/// <summary>What stands between the service and its callers: browsers and proxies. Nothing of it is on unless it is configured.</summary>
internal static class Edge
{
    public static void AddEdge(this IServiceCollection services)
    {
        services
            .AddOptions<CorsSettings>()
            .BindConfiguration("Cors", binder => binder.ErrorOnUnknownConfiguration = true)
            .Validate(
                settings => settings.Origins.All(CorsSettings.IsOrigin),
                "Cors:Origins must hold origins such as https://shop.example, without a path."
            )
            .ValidateOnStart();
        services
            .AddOptions<ProxySettings>()
            .BindConfiguration("Proxy", binder => binder.ErrorOnUnknownConfiguration = true)
            .Validate(
                settings => settings.Trusted.All(text => IPNetwork.TryParse(Network(text), out _)),
                "Proxy:Trusted must hold addresses such as 10.0.0.5 or networks such as 10.0.0.0/8."
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
        services
            .AddOptions<ForwardedHeadersOptions>()
            .Configure<IOptions<ProxySettings>>(
                (forwarded, settings) =>
                {
                    forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
                    // Through as many as are trusted, not the last one only.
                    forwarded.ForwardLimit = null;
                    forwarded.KnownProxies.Clear();
                    forwarded.KnownIPNetworks.Clear();
                    foreach (var trusted in settings.Value.Trusted)
                    {
                        forwarded.KnownIPNetworks.Add(IPNetwork.Parse(Network(trusted)));
                    }
                }
            );
    }

    /// <summary>To be called before anything that asks for the caller's address or scheme.</summary>
    public static void UseTrustedProxies(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<ProxySettings>>().Value.Trusted.Length > 0)
        {
            app.UseForwardedHeaders();
        }
    }

    /// <summary>To be called after routing, and before a preflight, which has no key, would be refused.</summary>
    public static void UseConfiguredOrigins(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<CorsSettings>>().Value.Origins.Length > 0)
        {
            app.UseCors();
        }
    }

    private static string Network(string text) =>
        IPAddress.TryParse(text, out var address) ? $"{address}/{address.GetAddressBytes().Length * 8}" : text;
}
