using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using RecService.Api.Http;

namespace RecService.Api.Dashboard.Sessions;

/// <summary>Signing in at a provider of identities, by the code flow with PKCE.</summary>
internal static partial class OpenIdConnect
{
    private static readonly string[] Names = ["preferred_username", "email", "name", "sub"];

    public static void Configure(OpenIdConnectOptions provider, OpenIdConnectSettings settings)
    {
        provider.SignInScheme = DashboardSessions.Scheme;
        provider.Authority = settings.Authority;
        provider.ClientId = settings.ClientId;
        provider.ClientSecret = settings.ClientSecret;
        // A provider on this machine, to try it.
        provider.RequireHttpsMetadata = !new Uri(settings.Authority!).IsLoopback;
        provider.ResponseType = OpenIdConnectResponseType.Code;
        provider.ResponseMode = OpenIdConnectResponseMode.Query;
        // Browsers send them along with the address that the provider sends people back to, over HTTP, too.
        provider.CorrelationCookie.SameSite = SameSiteMode.Lax;
        provider.NonceCookie.SameSite = SameSiteMode.Lax;
        provider.MapInboundClaims = false;
        provider.SaveTokens = false;
        provider.GetClaimsFromUserInfoEndpoint = true;
        provider.Scope.Clear();
        provider.Scope.Add("openid");
        provider.Scope.Add("profile");
        provider.Scope.Add("email");
        provider.CallbackPath = $"{DashboardPaths.SignIn}/answer";
        provider.Events.OnTicketReceived = context =>
        {
            if (PrincipalOf(context.Principal!, settings) is { } admin)
            {
                context.Principal = admin;
                return Task.CompletedTask;
            }

            context.Response.Redirect($"{DashboardPaths.SignIn}?refused=role");
            context.HandleResponse();
            return Task.CompletedTask;
        };
        provider.Events.OnRemoteFailure = context =>
        {
            LogFailed(context.HttpContext.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(OpenIdConnect)), context.Failure?.Message);
            context.Response.Redirect($"{DashboardPaths.SignIn}?refused=provider");
            context.HandleResponse();
            return Task.CompletedTask;
        };
    }

    /// <summary>An admin by the name that the provider knows; null where the claim does not say so.</summary>
    internal static ClaimsPrincipal? PrincipalOf(ClaimsPrincipal person, OpenIdConnectSettings settings)
    {
        if (!person.HasClaim(settings.AdminClaim, settings.AdminValue!))
        {
            return null;
        }

        var name = Names.Select(person.FindFirstValue).First(value => !string.IsNullOrEmpty(value))!;
        return new(new ClaimsIdentity([new(ClaimTypes.Name, name), new(ClaimTypes.Role, Roles.Admin)], DashboardSessions.ProviderScheme));
    }

    [LoggerMessage(LogLevel.Warning, "Signing in at the provider of identities failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string? reason);
}
