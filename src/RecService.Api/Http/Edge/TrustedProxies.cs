using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace RecService.Api.Http.Edge;

/// <summary>Section <c>Proxy</c>.</summary>
internal sealed class ProxySettings
{
    /// <summary>
    /// Addresses (<c>10.0.0.5</c>) and networks (<c>10.0.0.0/8</c>) of proxies whose X-Forwarded-For, X-Forwarded-Proto and
    /// X-Forwarded-Prefix are believed.
    /// </summary>
    public string[] Trusted { get; set; } = [];

    /// <summary>
    /// The path of a proxy's that the service lies below, such as <c>/recommendations</c>, whether the proxy takes it off or not; none when absent.
    /// </summary>
    public string? PathBase { get; set; }
}

/// <summary>What proxies say of callers is believed of those that are configured.</summary>
internal static class TrustedProxies
{
    public static IServiceCollection AddTrustedProxies(this IServiceCollection services)
    {
        services
            .AddOptions<ProxySettings>()
            .BindConfiguration("Proxy", binder => binder.ErrorOnUnknownConfiguration = true)
            .Validate(
                settings => settings.Trusted.All(text => IPNetwork.TryParse(Network(text), out _)),
                "Proxy:Trusted must hold addresses such as 10.0.0.5 or networks such as 10.0.0.0/8."
            )
            .Validate(
                settings => string.IsNullOrEmpty(settings.PathBase) || PathPrefixes.IsPrefix(settings.PathBase),
                "Proxy:PathBase must be a path such as /recommendations, of letters, digits and . _ ~ -, without a slash at its end."
            )
            .ValidateOnStart();
        services
            .AddOptions<ForwardedHeadersOptions>()
            .Configure<IOptions<ProxySettings>>(
                (forwarded, settings) =>
                {
                    forwarded.ForwardedHeaders =
                        ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedPrefix;
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
        return services;
    }

    /// <summary>To be called before anything that asks for the caller's address or scheme.</summary>
    public static void UseTrustedProxies(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<ProxySettings>>().Value.Trusted.Length > 0)
        {
            app.UseForwardedHeaders();
        }
    }

    private static string Network(string text) =>
        IPAddress.TryParse(text, out var address) ? $"{address}/{address.GetAddressBytes().Length * 8}" : text;
}
