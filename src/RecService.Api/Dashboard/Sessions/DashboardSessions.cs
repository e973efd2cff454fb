using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using RecService.Api.Access;
using RecService.Api.Http;
using RecService.Api.Storage;

namespace RecService.Api.Dashboard.Sessions;

/// <summary>
/// Who has signed in. The session is a cookie that holds the key, encrypted: with a hash in its place, whoever reads the database could make a session
/// of what it holds.
/// </summary>
internal static class DashboardSessions
{
    public const string Scheme = "Dashboard";

    public const string ProviderScheme = "OpenIdConnect";

    private const string AnyScheme = "ApiKeyOrDashboard";
    private const string KeyItem = "key";
    private const string Application = "RecService";
    private const string CookieName = "recservice-dashboard";

    public static readonly TimeSpan Lasts = TimeSpan.FromHours(8);

    public static void AddSessions(this IServiceCollection services, DashboardOptions options)
    {
        // The container writes no file, and each replica has to read the cookies of the others.
        services.AddDataProtection().SetApplicationName(Application).PersistKeysToDbContext<RecServiceDbContext>();
        services.AddAntiforgery(antiforgery =>
        {
            antiforgery.Cookie = new SessionCookie($"{CookieName}-form", SameSiteMode.Strict);
            antiforgery.FormFieldName = DashboardForms.TokenField;
            // The policy of the page says it, for all browsers there are.
            antiforgery.SuppressXFrameOptionsHeader = true;
        });

        // A key in a header is nothing to the dashboard, and a session is nothing to the API.
        services
            .AddAuthentication(AnyScheme)
            .AddPolicyScheme(
                AnyScheme,
                displayName: null,
                any => any.ForwardDefaultSelector = context => DashboardPaths.IsBelow(context.Request) ? Scheme : ApiKeyHandler.SchemeName
            )
            .AddCookie(
                Scheme,
                cookie =>
                {
                    // Links to pages are sent around, and people come back from a provider; forms have their token.
                    cookie.Cookie = new SessionCookie(CookieName, SameSiteMode.Lax);
                    cookie.ExpireTimeSpan = Lasts;
                    cookie.SlidingExpiration = true;
                    cookie.Events.OnValidatePrincipal = ValidateAsync;
                    cookie.Events.OnRedirectToLogin = SendToSignIn;
                    cookie.Events.OnRedirectToAccessDenied = SendToSignIn;
                }
            );
        if (options.OpenIdConnect.IsUsed)
        {
            services.AddAuthentication().AddOpenIdConnect(ProviderScheme, provider => OpenIdConnect.Configure(provider, options.OpenIdConnect));
            // Else a mistake in them would show with the first request, and with every one.
            services.AddOptions<OpenIdConnectOptions>(ProviderScheme).ValidateOnStart();
        }

        services
            .AddOptions<CookieAuthenticationOptions>(Scheme)
            .Configure<IDataProtectionProvider>(
                (cookie, protection) =>
                    cookie.TicketDataFormat = new TicketDataFormat(protection.CreateProtector(Application, Scheme, SecretOf(options.OpenIdConnect)))
            );
    }

    /// <summary>Begins a session of a key; false where it is none of an admin's.</summary>
    public static async Task<SignInOutcome> SignInAsync(HttpContext http, KnownKeys keys, string? text)
    {
        if (!KeyText.TryParse(text, out var key) || keys.Find(key) is not { } caller)
        {
            return SignInOutcome.NoKey;
        }

        if (!caller.IsInRole(Roles.Admin))
        {
            return SignInOutcome.NoAdmin;
        }

        http.User = caller;
        await http.SignInAsync(Scheme, caller, new() { Items = { [KeyItem] = text } });
        return SignInOutcome.SignedIn;
    }

    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        if (context.Properties.Items.TryGetValue(KeyItem, out var text))
        {
            var keys = context.HttpContext.RequestServices.GetRequiredService<KnownKeys>();
            if (KeyText.TryParse(text, out var key) && keys.Find(key) is { } caller && caller.IsInRole(Roles.Admin))
            {
                context.ReplacePrincipal(caller);
                return;
            }
        }
        else if (context.HttpContext.RequestServices.GetRequiredService<IOptions<DashboardOptions>>().Value.OpenIdConnect.IsUsed)
        {
            return;
        }

        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync(Scheme);
    }

    // From the service's root, to which what the service lies below is added as to every other address.
    private static Task SendToSignIn(RedirectContext<CookieAuthenticationOptions> context)
    {
        var request = context.Request;
        var asked = HttpMethods.IsGet(request.Method) ? request.Path + request.QueryString : DashboardPaths.Root;
        context.Response.Redirect($"{DashboardPaths.SignIn}{QueryString.Create("returnTo", DashboardPaths.ReturnTo(asked))}");
        return Task.CompletedTask;
    }

    // A session by a provider holds no key, so that the keys in the database would do to make one: the secret takes part in what it is encrypted by.
    private static string SecretOf(OpenIdConnectSettings provider) =>
        provider.IsUsed ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(provider.ClientSecret ?? ""))) : "keys";
}
