using System.Globalization;
using Microsoft.AspNetCore.Antiforgery;
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
        var group = everybody.MapGroup("").AllowAnonymous().TakesSmallForms();
        group.MapGet(
            "/sign-in",
            (string? returnTo, string? refused, HttpContext http) =>
                http.User.Identity?.IsAuthenticated == true ? GoOn(returnTo) : Page(Refusal(refused), returnTo, StatusCodes.Status200OK)
        );
        group.MapGet("/sign-in/provider", ToProviderAsync);
        group.MapPost("/sign-in", SignInAsync);
        group.MapPost("/sign-out", (Delegate)SignOutAsync);
    }

    private static async Task<IResult> SignInAsync(
        IFormCollection form,
        HttpContext http,
        IAntiforgery antiforgery,
        KnownKeys keys,
        ChargeKey charge,
        AuditLog audit,
        CancellationToken cancellationToken
    )
    {
        var returnTo = DashboardPaths.ReturnTo(form["returnTo"]);
        if (!await antiforgery.IsRequestValidAsync(http))
        {
            // In another tab, it may have been done meanwhile.
            return http.User.Identity?.IsAuthenticated == true
                ? GoOn(returnTo)
                : Page("The form was no longer valid, or cookies are switched off. Try again.", returnTo, StatusCodes.Status400BadRequest);
        }

        if (charge(http, RequestsOfAttempt) is { } wait)
        {
            http.Response.Headers.RetryAfter = wait.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return Page("Too many attempts from this address. Wait a little.", returnTo, StatusCodes.Status429TooManyRequests);
        }

        switch (await DashboardSessions.SignInAsync(http, keys, form["key"].ToString().Trim()))
        {
            case SignInOutcome.SignedIn:
                await audit.WriteAsync("dashboard.sign-in", target: null, cancellationToken);
                return GoOn(returnTo);
            case SignInOutcome.NoAdmin:
                return Page("The key is valid, but does not have the role admin.", returnTo, StatusCodes.Status403Forbidden);
            default:
                return Page("This is not a valid key.", returnTo, StatusCodes.Status401Unauthorized);
        }
    }

    private static async Task<IResult> SignOutAsync(HttpContext http)
    {
        if (await http.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http))
        {
            await http.SignOutAsync(DashboardSessions.Scheme);
        }

        return DashboardForms.GoTo(DashboardPaths.SignIn[DashboardPaths.Root.Length..]);
    }

    private static async Task<IResult> ToProviderAsync(string? returnTo, HttpContext http, IOptions<DashboardOptions> options)
    {
        if (!options.Value.OpenIdConnect.IsUsed)
        {
            return Results.NotFound();
        }

        try
        {
            await http.ChallengeAsync(DashboardSessions.ProviderScheme, new() { RedirectUri = DashboardPaths.ReturnTo(returnTo) });
            return Results.Empty;
        }
        catch (InvalidOperationException exception) when (exception.InnerException is not null && !http.Response.HasStarted)
        {
            // What the provider says of itself could not be read.
            OpenIdConnect.LogFailed(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(OpenIdConnect)), exception.Message);
            return DashboardForms.GoTo("/sign-in?refused=provider");
        }
    }

    private static IResult GoOn(string? returnTo) => DashboardForms.GoTo(DashboardPaths.ReturnTo(returnTo)[DashboardPaths.Root.Length..]);

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
