using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using RecService.Api.Http;
using RecService.Api.Http.Errors;

namespace RecService.Api.Access;

/// <summary>
/// Authenticates by the key in the header <c>X-Api-Key</c> or <c>Authorization: Bearer</c>, and answers 400, 401 and 403 with problems.
/// </summary>
internal sealed class ApiKeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, KnownKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "ApiKey";

    public static ProblemHttpResult KeyNeeded(string? failure = null) =>
        Problems.Of(StatusCodes.Status401Unauthorized, failure ?? $"An API key is needed, in the header {SentKey.HeaderName} or as Authorization: Bearer.");

    public static ProblemHttpResult RoleNeeded(string? key, string role) =>
        Problems.Of(StatusCodes.Status403Forbidden, $"The key '{key}' does not have the role '{role}'.");

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (SentKey.Of(Request).Conflict is { } conflict)
        {
            await AnswerAsync(", error=\"invalid_request\"", Problems.Of(StatusCodes.Status400BadRequest, conflict));
            return;
        }

        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        await AnswerAsync(failure is null ? "" : ", error=\"invalid_token\"", KeyNeeded(failure?.Message));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var role = Context.GetEndpoint()?.Metadata.GetMetadata<IAuthorizeData>()?.Policy ?? Roles.Admin;
        return AnswerAsync($", error=\"insufficient_scope\", scope=\"{role}\"", RoleNeeded(Context.User.Identity?.Name, role));
    }

    // What is wrong with a key that is well-formed is not said: nobody shall learn which prefixes there are.
    private AuthenticateResult Authenticate()
    {
        var sent = SentKey.Of(Request);
        if (sent.Conflict is { } conflict)
        {
            return AuthenticateResult.Fail(conflict);
        }

        if (sent.Text is null)
        {
            return AuthenticateResult.NoResult();
        }

        if (!sent.TryParse(out var key))
        {
            return AuthenticateResult.Fail("The API key is malformed.");
        }

        return keys.Find(key) is { } principal
            ? AuthenticateResult.Success(new(principal, SchemeName))
            : AuthenticateResult.Fail("The API key is not valid.");
    }

    private Task AnswerAsync(string error, ProblemHttpResult problem)
    {
        Response.Headers.WWWAuthenticate = $"Bearer realm=\"RecService\"{error}";
        return problem.ExecuteAsync(Context);
    }
}
