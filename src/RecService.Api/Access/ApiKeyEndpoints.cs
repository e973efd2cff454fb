using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Access;

internal static partial class ApiKeyEndpoints
{
    private const string ListName = "api-keys";
    private const int DefaultGraceSeconds = 60;
    public const int MostGraceSeconds = 30 * 24 * 60 * 60;

    public static IEndpointRouteBuilder MapApiKeyEndpoints(this IEndpointRouteBuilder routes)
    {
        var keys = routes.MapGroup("/v1/api-keys").WithTags("API keys").Requires(Roles.Admin);

        keys.MapPost("", CreateAsync)
            .WithName("createApiKey")
            .WithSummary("Make an API key")
            .WithDescription("The answer is the only one that shows the key. Other processes take it within a second.");
        keys.MapGet("", ListAsync).WithName("listApiKeys").WithSummary("List API keys, newest first");
        keys.MapGet("/{prefix}", GetAsync)
            .WithName("getApiKey")
            .WithSummary("Read an API key's record")
            .ProducesProblem(StatusCodes.Status404NotFound);
        keys.MapPost("/{prefix}/rotate", RotateAsync)
            .WithName("rotateApiKey")
            .WithSummary("Give an API key a new secret")
            .WithDescription(
                $"The former secret holds for another `graceSeconds`, by default {DefaultGraceSeconds}; one that is older is void at once."
            )
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        keys.MapDelete("/{prefix}", RevokeAsync)
            .WithName("revokeApiKey")
            .WithSummary("Revoke an API key")
            .WithDescription(
                "For good: at once in the process that answers, within a second in the others. Its record stays. The last valid key with the role `admin` is kept "
                    + "unless a bootstrap key is configured."
            )
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        return routes;
    }

    public static ProblemHttpResult NotFound(string prefix) => Problems.NotFound("API key", prefix);

    public static ProblemHttpResult Revoked() =>
        Problems.Conflict("/problems/api-key-revoked", "The key has been revoked.", "A revoked key stays revoked; make another one.");

    public static ProblemHttpResult LastAdminKey() =>
        Problems.Conflict(
            "/problems/last-admin-key",
            "The key is the last valid one of an admin.",
            $"Make another one with the role '{Roles.Admin}' first, or configure {AccessOptions.BootstrapKeyName}."
        );

    public static async Task<Results<Created<ApiKeySecretResponse>, ValidationProblem>> CreateAsync(
        ApiKeyInput input,
        RecServiceDbContext context,
        KnownKeys known,
        ClaimsPrincipal caller,
        AuditLog audit,
        TimeProvider clock,
        ILogger<KnownKeys> logger,
        CancellationToken cancellationToken
    )
    {
        var now = clock.GetUtcNow();
        var errors = Validate(input, now);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var key = KeyText.Generate(out var text);
        var stored = new ApiKey
        {
            Prefix = key.Prefix,
            Hash = key.Hash,
            Name = input.Name,
            Roles = [.. Roles.All.Where(input.Roles.Contains)],
            CreatedAt = now,
            ExpiresAt = input.ExpiresAt,
        };
        context.ApiKeys.Add(stored);
        await using (var transaction = await context.Database.BeginTransactionAsync(cancellationToken))
        {
            await context.SaveChangesAsync(cancellationToken);
            await audit.WriteAsync(context, "key.create", $"{key.Prefix}: {string.Join(", ", stored.Roles)}", cancellationToken);

            // Times as they are stored, to the microsecond.
            await context.Entry(stored).ReloadAsync(cancellationToken);
            await transaction.CommitAsync(CancellationToken.None);
        }

        await known.TryRefreshAsync(CancellationToken.None);
        LogCreated(logger, key.Prefix, string.Join(", ", stored.Roles), caller.Identity?.Name);
        return TypedResults.Created($"/v1/api-keys/{key.Prefix}", new ApiKeySecretResponse(text, ApiKeyResponse.From(stored)));
    }

    public static async Task<Results<Ok<ApiKeyPage>, ValidationProblem>> ListAsync(
        RecServiceDbContext context,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var below = Paging.AfterKey(errors, ListName, cursor) ?? long.MaxValue;
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var page = await context
            .ApiKeys.AsNoTracking()
            .Where(key => key.KeyId < below)
            .OrderByDescending(key => key.KeyId)
            .Take(size + 1)
            .ToListAsync(cancellationToken);
        var next = page.Count > size ? Paging.Cursor(ListName, page[size - 1].KeyId) : null;
        return TypedResults.Ok(new ApiKeyPage([.. page.Take(size).Select(ApiKeyResponse.From)], next));
    }

    private static async Task<Results<Ok<ApiKeyResponse>, ProblemHttpResult>> GetAsync(
        string prefix,
        RecServiceDbContext context,
        CancellationToken cancellationToken
    ) =>
        await context.ApiKeys.AsNoTracking().SingleOrDefaultAsync(key => key.Prefix == prefix, cancellationToken) is { } key
            ? TypedResults.Ok(ApiKeyResponse.From(key))
            : NotFound(prefix);

    public static async Task<Results<Ok<ApiKeySecretResponse>, ValidationProblem, ProblemHttpResult>> RotateAsync(
        string prefix,
        RecServiceDbContext context,
        KnownKeys known,
        ClaimsPrincipal caller,
        AuditLog audit,
        TimeProvider clock,
        ILogger<KnownKeys> logger,
        CancellationToken cancellationToken,
        int graceSeconds = DefaultGraceSeconds
    )
    {
        if (graceSeconds is < 0 or > MostGraceSeconds)
        {
            return Problems.Invalid("graceSeconds", string.Create(CultureInfo.InvariantCulture, $"must be from 0 to {MostGraceSeconds}"));
        }

        var now = clock.GetUtcNow();
        DateTimeOffset? graceEnd = graceSeconds > 0 ? now.AddSeconds(graceSeconds) : null;
        var text = KeyText.WithNewSecret(prefix, out var next);

        // From the commit on nothing may fail: the answer is the only one to show the new secret, and the former one may be void.
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);

        // One statement, so that of two rotations at a time the later one keeps the secret of the earlier one, and a revocation stands.
        var rotated = await context
            .ApiKeys.Where(key => key.Prefix == prefix && key.RevokedAt == null)
            .ExecuteUpdateAsync(
                set =>
                    set.SetProperty(key => key.FormerHash, key => graceEnd == null ? null : key.Hash)
                        .SetProperty(key => key.FormerExpiresAt, graceEnd)
                        .SetProperty(key => key.Hash, next.Hash)
                        .SetProperty(key => key.RotatedAt, now),
                cancellationToken
            );
        if (await context.ApiKeys.AsNoTracking().SingleOrDefaultAsync(key => key.Prefix == prefix, cancellationToken) is not { } stored)
        {
            return NotFound(prefix);
        }

        if (rotated == 0)
        {
            return Revoked();
        }

        await audit.WriteAsync(context, "key.rotate", prefix, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        await known.TryRefreshAsync(CancellationToken.None);
        LogRotated(logger, prefix, caller.Identity?.Name);
        return TypedResults.Ok(new ApiKeySecretResponse(text, ApiKeyResponse.From(stored)));
    }

    public static async Task<Results<NoContent, ProblemHttpResult>> RevokeAsync(
        string prefix,
        RecServiceDbContext context,
        KnownKeys known,
        ClaimsPrincipal caller,
        AuditLog audit,
        TimeProvider clock,
        ILogger<KnownKeys> logger,
        CancellationToken cancellationToken
    )
    {
        var now = clock.GetUtcNow();
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);

        // Else two revocations at a time would each take the other's key for one that remains.
        await context.Database.ExecuteSqlAsync($"LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE", cancellationToken);
        if (!known.HasBootstrap && await IsLastAdminAsync(context, prefix, now, cancellationToken))
        {
            return LastAdminKey();
        }

        var found = await context
            .ApiKeys.Where(key => key.Prefix == prefix)
            .ExecuteUpdateAsync(set => set.SetProperty(key => key.RevokedAt, key => key.RevokedAt ?? now), cancellationToken);
        if (found == 0)
        {
            return NotFound(prefix);
        }

        await audit.WriteAsync(context, "key.revoke", prefix, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);

        // When this fails the caller has to know that the key still holds here; the request may be sent again.
        await known.RefreshAsync(CancellationToken.None);
        LogRevoked(logger, prefix, caller.Identity?.Name);
        return TypedResults.NoContent();
    }

    private static async Task<bool> IsLastAdminAsync(
        RecServiceDbContext context,
        string prefix,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var admins = await context
            .ApiKeys.Where(key => key.RevokedAt == null && (key.ExpiresAt == null || key.ExpiresAt > now) && key.Roles.Contains(Roles.Admin))
            .Select(key => key.Prefix)
            .Take(2)
            .ToListAsync(cancellationToken);
        return admins is [var last] && string.Equals(last, prefix, StringComparison.Ordinal);
    }

    private static FieldErrors Validate(ApiKeyInput input, DateTimeOffset now)
    {
        var errors = new FieldErrors();
        errors.Check("name", input.Name.Length == 0 ? "is required" : ExternalId.TextProblem(input.Name, ApiKeyInput.MaxNameLength));
        if (input.Roles.Count == 0 || input.Roles.Any(role => !Roles.All.Contains(role, StringComparer.Ordinal)))
        {
            errors.Add("roles", $"must be one or more of {string.Join(", ", Roles.All)}");
        }

        if (input.ExpiresAt <= now)
        {
            errors.Add("expiresAt", "must be in the future");
        }

        return errors;
    }

    [LoggerMessage(LogLevel.Information, "API key {Prefix} was made with the roles {Roles} by {Caller}")]
    private static partial void LogCreated(ILogger logger, string prefix, string roles, string? caller);

    [LoggerMessage(LogLevel.Information, "API key {Prefix} was rotated by {Caller}")]
    private static partial void LogRotated(ILogger logger, string prefix, string? caller);

    [LoggerMessage(LogLevel.Information, "API key {Prefix} was revoked by {Caller}")]
    private static partial void LogRevoked(ILogger logger, string prefix, string? caller);
}
