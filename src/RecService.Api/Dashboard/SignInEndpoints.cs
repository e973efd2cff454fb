using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using RecService.Api.Access;
using RecService.Api.Dashboard.Pages;
using RecService.Api.Dashboard.Sessions;
using RecService.Api.Http;
using RecService.Api.Storage;

namespace RecService.Api.Dashboard;

/// <summary>How a session begins and ends.</summary>
internal static class SignInEndpoints
{
    // Of the limit of an address without a key: who mistypes a key may do so ten times in a row, and who guesses guesses once a second.
    private const int RequestsOfAttempt = 10;

    public static void MapSignIn(this RouteGroupBuilder everybody)
    {
        var group = everybody.MapGroup("").AllowAnonymous();
        group.MapGet("/sign-in", (string? returnTo, string? refused) => Page(Refusal(refused), returnTo, StatusCodes.Status200OK));
        group.MapGet("/sign-in/provider", ToProvider);
        var forms = group.MapGroup("").TakesForms();
        forms.MapPost("/sign-in", SignInAsync);
        forms.MapPost("/sign-out", (Delegate)SignOutAsync);
    }

    private static async Task<IResult> SignInAsync(
        IFormCollection form,
        HttpContext http,
        KnownKeys keys,
        ChargeKey charge,
        AuditLog audit,
        CancellationToken cancellationToken
    )
    {
        var returnTo = DashboardPaths.ReturnTo(form["returnTo"]);
        if (charge(http, RequestsOfAttempt) is { } wait)
        {
            http.Response.Headers.RetryAfter = wait.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return Page("Too many attempts from this address. Wait a little.", returnTo, StatusCodes.Status429TooManyRequests);
        }

        switch (await DashboardSessions.SignInAsync(http, keys, form["key"].ToString().Trim()))
        {
            case SignInOutcome.SignedIn:
                await audit.WriteAsync("dashboard.sign-in", target: null, cancellationToken);
                return DashboardForms.GoTo(returnTo[DashboardPaths.Root.Length..]);
            case SignInOutcome.NoAdmin:
                return Page("The key is valid, but does not have the role admin.", returnTo, StatusCodes.Status403Forbidden);
            default:
                return Page("This is not a valid key.", returnTo, StatusCodes.Status401Unauthorized);
        }
    }

    private static async Task<IResult> SignOutAsync(HttpContext http)
    {
        await http.SignOutAsync(DashboardSessions.Scheme);
        return DashboardForms.GoTo(DashboardPaths.SignIn[DashboardPaths.Root.Length..]);
    }

    private static IResult ToProvider(string? returnTo, IOptions<DashboardOptions> options) =>
        options.Value.OpenIdConnect.IsUsed
            ? Results.Challenge(new() { RedirectUri = DashboardPaths.ReturnTo(returnTo) }, [DashboardSessions.ProviderScheme])
            : Results.NotFound();

    // By words of a fixed list: an address must not be able to say anything.
    private static string? Refusal(string? reason) =>
        reason switch
        {
            "role" => "Your organisation knows you, but not as an admin of this service.",
            "provider" => "Signing in with your organisation failed. Try again.",
            _ => null,
        };

    private static RazorComponentResult<SignInPage> Page(string? problem, string? returnTo, int status) =>
        new(new { Problem = problem, ReturnTo = returnTo }) { StatusCode = status, PreventStreamingRendering = true };
}
