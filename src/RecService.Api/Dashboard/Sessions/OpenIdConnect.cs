using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using RecService.Api.Http;
using RecService.Api.Storage;

namespace RecService.Api.Dashboard.Sessions;

/// <summary>Signing in at a provider of identities, by the code flow with PKCE.</summary>
internal static partial class OpenIdConnect
{
    /// <summary>No key's name has a colon: whatever people call themselves, they are not taken for a key.</summary>
    private const string NamePrefix = "oidc:";

    private const int MostOfName = 100;

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
        foreach (var claim in Names.Append(settings.AdminClaim))
        {
            provider.ClaimActions.MapJsonKey(claim, claim);
        }

        provider.Events.OnTicketReceived = context => BeginAsync(context, settings);
        provider.Events.OnRemoteFailure = context =>
        {
            LogFailed(context.HttpContext.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(OpenIdConnect)), context.Failure?.Message);
            context.Response.Redirect($"{DashboardPaths.SignIn}?refused=provider");
            context.HandleResponse();
            return Task.CompletedTask;
        };
    }

    private static async Task BeginAsync(TicketReceivedContext context, OpenIdConnectSettings settings)
    {
        if (PrincipalOf(context.Principal!, settings) is not { } admin)
        {
            context.Response.Redirect($"{DashboardPaths.SignIn}?refused=role");
            context.HandleResponse();
            return;
        }

        var services = context.HttpContext.RequestServices;
        context.Principal = admin;
        // Nothing tells when the provider would no longer let the person in.
        context.Properties!.AllowRefresh = false;
        context.Properties.ExpiresUtc = services.GetRequiredService<TimeProvider>().GetUtcNow() + DashboardSessions.Lasts;
        context.HttpContext.User = admin;
        await services.GetRequiredService<AuditLog>().WriteAsync("dashboard.sign-in", target: null, context.HttpContext.RequestAborted);
    }

    /// <summary>An admin by the name that the provider knows; null where the claim does not say so.</summary>
    internal static ClaimsPrincipal? PrincipalOf(ClaimsPrincipal person, OpenIdConnectSettings settings)
    {
        if (!person.HasClaim(settings.AdminClaim, settings.AdminValue!))
        {
            return null;
        }

        var name = string.Concat(Names.Select(person.FindFirstValue).First(value => !string.IsNullOrEmpty(value))!.Where(c => !char.IsControl(c)).Take(MostOfName));
        return new(new ClaimsIdentity([new(ClaimTypes.Name, NamePrefix + name), new(ClaimTypes.Role, Roles.Admin)], DashboardSessions.ProviderScheme));
    }

    [LoggerMessage(LogLevel.Warning, "Signing in at the provider of identities failed: {Reason}")]
    public static partial void LogFailed(ILogger logger, string? reason);
}
