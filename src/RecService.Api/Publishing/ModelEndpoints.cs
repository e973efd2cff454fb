using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Engine.Model;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Publishing;

internal static class ModelEndpoints
{
    private const string ListName = "models";

    public static void AddPublishing(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<CatalogReader>();
        builder.Services.AddSingleton<ModelLoader>();
        builder.Services.AddSingleton<ModelVersions>();
        builder.Services.AddSingleton<Publisher>();
        builder.Services.AddSingleton<ArtifactScrubber>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<Publisher>());
        builder.Services.AddHostedService<ErasureFollower>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ArtifactScrubber>());
    }

    public static void MapModels(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/v1/models").WithTags("Models").Requires(Roles.Admin);
        group.MapGet("/", ListAsync).WithName("listModels").WithSummary("List models, newest first");
        group
            .MapGet("/{version:long}", GetAsync)
            .WithName("getModel")
            .WithSummary("Get a model's record")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group
            .MapPost("/{version:long}/activate", ActivateAsync)
            .WithName("activateModel")
            .WithSummary("Serve this model")
            .WithoutTimeLimit()
            .WithDescription(
                "Rolls back, or forward, to a stored model. The answer comes when this process serves it; a later training run publishes its own model again."
            )
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);
        group
            .MapGet("/{version:long}/export", ExportAsync)
            .WithName("exportModel")
            .WithSummary("Download a model's file")
            .WithoutTimeLimit()
            .Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);
        group
            .MapPut("/{version:long}/pin", PinAsync)
            .WithName("pinModel")
            .WithSummary("Keep a model loadable for requests that name its version")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status410Gone);
        group
            .MapDelete("/{version:long}/pin", UnpinAsync)
            .WithName("unpinModel")
            .WithSummary("Let a pinned model go")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<ModelList>, ValidationProblem>> ListAsync(
        RecServiceDbContext database,
        CancellationToken cancellationToken,
        int? limit = null,
        string? cursor = null
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var before = Paging.AfterKey(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var below = before ?? long.MaxValue;
        var page = await database
            .Models.AsNoTracking()
            .Where(m => m.Version < below)
            .OrderByDescending(m => m.Version)
            .Take(size + 1)
            .ToListAsync(cancellationToken);
        var active = await ActiveVersionAsync(database, cancellationToken);
        var next = page.Count > size ? Paging.Cursor(ListName, page[size - 1].Version) : null;
        return TypedResults.Ok(new ModelList([.. page.Take(size).Select(m => ModelResponse.From(m, active))], next));
    }

    private static async Task<Results<Ok<ModelResponse>, ProblemHttpResult>> GetAsync(
        long version,
        RecServiceDbContext database,
        CancellationToken cancellationToken
    ) =>
        await FindAsync(database, version, cancellationToken) is { } model
            ? TypedResults.Ok(ModelResponse.From(model, await ActiveVersionAsync(database, cancellationToken)))
            : NotFound(version);

    private static async Task<Results<Ok<ModelResponse>, ProblemHttpResult>> ActivateAsync(
        long version,
        RecServiceDbContext database,
        ModelLoader loader,
        CatalogReader catalog,
        Publisher publisher,
        AuditLog audit,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        if (await FindAsync(database, version, cancellationToken) is not { } model)
        {
            return NotFound(version);
        }

        if (model.PrunedAt is not null)
        {
            return Gone(version);
        }

        try
        {
            ModelLoader.Prepare(await loader.LoadAsync(version, cancellationToken), await catalog.ReadAsync(count: false, cancellationToken));
        }
        catch (Exception exception) when (exception is ModelFormatException or ModelCheckException)
        {
            await audit.WriteAsync("model.activate", version, cancellationToken, AuditLog.Failed);
            return Unusable(exception);
        }
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Locked in the order in which the end of a training run locks them: what is active, then models to prune. Else both may wait for each other.
        await database.Database.ExecuteSqlAsync($"SELECT FROM active_model FOR UPDATE", cancellationToken);
        // The row is locked, so that its file is not pruned in between.
        var activated = await database.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO active_model (id, version, activated_at)
            SELECT 1, version, {clock.GetUtcNow()} FROM models WHERE version = {version} AND pruned_at IS NULL FOR UPDATE
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, activated_at = excluded.activated_at
            """,
            cancellationToken
        );
        if (activated == 0)
        {
            return Gone(version);
        }

        await audit.WriteAsync(database, "model.activate", version, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await publisher.RefreshAsync(evenIfRecent: true, cancellationToken);
        return TypedResults.Ok(ModelResponse.From(model, version));
    }

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> ExportAsync(
        long version,
        RecServiceDbContext database,
        ArtifactScrubber scrubber,
        AuditLog audit,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await scrubber.ScrubModelAsync(version, cancellationToken);
        }
        catch (DamagedArtifactException exception)
        {
            return Unusable(exception);
        }
        await audit.WriteAsync("model.export", version, cancellationToken);
        // The file may be rewritten or removed at any moment: its size is that of the very file.
        await database.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        if (await FindAsync(database, version, cancellationToken) is not { } model)
        {
            return NotFound(version);
        }

        if (model.PrunedAt is not null)
        {
            return Gone(version);
        }

        var artifact = await Artifacts.OfModels.OpenReadAsync((NpgsqlConnection)database.Database.GetDbConnection(), version, cancellationToken);
        context.Response.ContentLength = model.SizeBytes;
        return TypedResults.Stream(artifact, "application/octet-stream", $"recservice-model-{version}.rfm");
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> PinAsync(
        long version,
        RecServiceDbContext database,
        AuditLog audit,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // One statement, so that pruning cannot come between the look and the pin.
        var pinned = await database
            .Models.Where(m => m.Version == version && m.PrunedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.PinnedAt, m => m.PinnedAt ?? now), cancellationToken);
        if (pinned == 0)
        {
            return await FindAsync(database, version, cancellationToken) is null ? NotFound(version) : Gone(version);
        }

        await audit.WriteAsync(database, "model.pin", version, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> UnpinAsync(
        long version,
        RecServiceDbContext database,
        AuditLog audit,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (
            await database
                .Models.Where(m => m.Version == version)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.PinnedAt, (DateTimeOffset?)null), cancellationToken) == 0
        )
        {
            return NotFound(version);
        }

        await audit.WriteAsync(database, "model.unpin", version, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return TypedResults.NoContent();
    }

    private static Task<StoredModel?> FindAsync(RecServiceDbContext database, long version, CancellationToken cancellationToken) =>
        database.Models.AsNoTracking().SingleOrDefaultAsync(m => m.Version == version, cancellationToken);

    private static Task<long?> ActiveVersionAsync(RecServiceDbContext database, CancellationToken cancellationToken) =>
        database.ActiveModels.Select(a => (long?)a.Version).SingleOrDefaultAsync(cancellationToken);

    private static ProblemHttpResult NotFound(long version) => Problems.NotFound("model", version);

    private static ProblemHttpResult Unusable(Exception exception) =>
        Problems.Conflict("/problems/model-unusable", "The model's file cannot be used.", exception.Message);

    private static ProblemHttpResult Gone(long version) =>
        Problems.Of(
            StatusCodes.Status410Gone,
            $"Model {version} was neither pinned nor among the newest.",
            "The model's file has been removed.",
            "/problems/model-pruned"
        );
}
