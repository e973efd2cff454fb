using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Access;
using RecService.Api.Catalog;
using RecService.Api.Dashboard.Pages;
using RecService.Api.Domain;
using RecService.Api.Http.Errors;
using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Api.Training;

namespace RecService.Api.Dashboard;

/// <summary>What is done by forms: what the API does, with a page for an answer.</summary>
internal static class ActionEndpoints
{
    public static void MapActions(this RouteGroupBuilder admins)
    {
        var group = admins.MapGroup("").TakesForms();
        MapRuns(group);
        MapModels(group);
        MapKeys(group);
        group.MapPost("/users/erase", EraseAsync);
    }

    private static void MapRuns(RouteGroupBuilder group)
    {
        group.MapPost(
            "/training/start",
            async (RunPlanner planner, RunStarter starter, RunStore runs, AuditLog audit, HttpContext http, CancellationToken cancellationToken) =>
                DashboardForms.After<TrainingRunResponse>(
                    await RunEndpoints.StartAsync(planner, starter, runs, audit, http, cancellationToken),
                    run => DashboardForms.GoTo($"/training/{run.RunId}?done=started")
                )
        );
        group.MapPost(
            "/training/{runId:long}/cancel",
            async (long runId, RunStore runs, AuditLog audit, CancellationToken cancellationToken) =>
                DashboardForms.After<TrainingRunResponse>(
                    await RunEndpoints.CancelAsync(runId, runs, audit, cancellationToken),
                    run => DashboardForms.GoTo($"/training/{run.RunId}{(run.FinishedAt is null ? "?done=cancelled" : "")}")
                )
        );
    }

    private static void MapModels(RouteGroupBuilder group)
    {
        group.MapPost(
            "/models/{version:long}/activate",
            async (
                long version,
                ModelStore models,
                ModelLoader loader,
                CatalogReader catalog,
                Publisher publisher,
                AuditLog audit,
                TimeProvider clock,
                CancellationToken cancellationToken
            ) =>
                DashboardForms.After<ModelResponse>(
                    await ActivationEndpoint.ActivateAsync(version, models, loader, catalog, publisher, audit, clock, cancellationToken),
                    model => DashboardForms.GoTo($"/models/{model.Version}?done=activated")
                )
        );
        group.MapPost(
            "/models/{version:long}/pin",
            async (long version, ModelStore models, AuditLog audit, TimeProvider clock, CancellationToken cancellationToken) =>
                DashboardForms.After(
                    await ModelEndpoints.PinAsync(version, models, audit, clock, cancellationToken),
                    $"/models/{version}?done=pinned"
                )
        );
        group.MapPost(
            "/models/{version:long}/unpin",
            async (long version, AuditLog audit, CancellationToken cancellationToken) =>
                DashboardForms.After(await ModelEndpoints.UnpinAsync(version, audit, cancellationToken), $"/models/{version}?done=unpinned")
        );
    }

    private static void MapKeys(RouteGroupBuilder group)
    {
        group.MapPost("/keys", CreateKeyAsync);
        group.MapPost("/keys/{prefix}/rotate", RotateKeyAsync);
        group.MapPost(
            "/keys/{prefix}/revoke",
            async (
                string prefix,
                RecServiceDbContext context,
                KnownKeys known,
                ClaimsPrincipal caller,
                AuditLog audit,
                TimeProvider clock,
                ILogger<KnownKeys> logger,
                CancellationToken cancellationToken
            ) =>
                DashboardForms.After(
                    await ApiKeyEndpoints.RevokeAsync(prefix, context, known, caller, audit, clock, logger, cancellationToken),
                    "/keys?done=revoked"
                )
        );
    }

    private static async Task<IResult> CreateKeyAsync(
        IFormCollection form,
        RecServiceDbContext context,
        KnownKeys known,
        ClaimsPrincipal caller,
        AuditLog audit,
        TimeProvider clock,
        ILogger<KnownKeys> logger,
        CancellationToken cancellationToken
    )
    {
        DateOnly? lastDay = null;
        if (form["expires"].ToString() is { Length: > 0 } text)
        {
            if (!DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            {
                return DashboardForms.Refusal(Problems.Invalid("expires", "must be a day such as 2027-01-31"));
            }

            lastDay = day;
        }

        var input = new ApiKeyInput
        {
            Name = form["name"].ToString(),
            Roles = [.. form["roles"].OfType<string>()],
            // To the end of the day that was named.
            ExpiresAt = lastDay is { } last ? new DateTimeOffset(last, new TimeOnly(23, 59, 59), TimeSpan.Zero) : null,
        };
        return DashboardForms.After<ApiKeySecretResponse>(
            await ApiKeyEndpoints.CreateAsync(input, context, known, caller, audit, clock, logger, cancellationToken),
            made => Secret($"The key {made.Record.Prefix} is made", made)
        );
    }

    private static async Task<IResult> RotateKeyAsync(
        string prefix,
        IFormCollection form,
        RecServiceDbContext context,
        KnownKeys known,
        ClaimsPrincipal caller,
        AuditLog audit,
        TimeProvider clock,
        ILogger<KnownKeys> logger,
        CancellationToken cancellationToken
    ) =>
        int.TryParse(form["grace"], NumberStyles.None, CultureInfo.InvariantCulture, out var grace)
            ? DashboardForms.After<ApiKeySecretResponse>(
                await ApiKeyEndpoints.RotateAsync(prefix, context, known, caller, audit, clock, logger, cancellationToken, grace),
                made => Secret($"The key {prefix} has a new secret", made)
            )
            : DashboardForms.Refusal(Problems.Invalid("grace", "must be a number of seconds"));

    private static async Task<IResult> EraseAsync(
        IFormCollection form,
        UserStore store,
        ReplicaRegistry replicas,
        CancellationToken cancellationToken
    )
    {
        var id = form["id"].ToString();
        return ExternalId.Problem(id) is { } problem
            ? DashboardForms.Refusal(Problems.Invalid("id", problem))
            : DashboardForms.After<UserErasureResponse>(
                await UserEndpoints.DeleteAsync(new(id), store, replicas, cancellationToken),
                erasure => new RazorComponentResult<ErasedPage>(
                    new
                    {
                        erasure.Interactions,
                        erasure.ErasedAt,
                        Replicas = erasure.Replicas.Count,
                        Confirmed = erasure.Replicas.Count(replica => replica.Confirmed),
                    }
                )
            );
    }

    private static RazorComponentResult<SecretPage> Secret(string title, ApiKeySecretResponse made) => new(new { Title = title, made.Key });
}
