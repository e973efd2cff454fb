using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Interactions;

internal static class InteractionEndpoints
{
    private const string ListName = "interactions";

    private const string Creations =
        "Unknown users and items are created, unless the settings `Interactions:CreateUsers` and `Interactions:CreateItems` say otherwise: an interaction with "
        + "one that is not known is rejected then. So is one with an item that was deleted within `Interactions:RefuseDeletedItemsFor`, 30 days by default, "
        + "also when the item's deletion took the same interaction with it.";

    public static IEndpointRouteBuilder MapInteractionEndpoints(this IEndpointRouteBuilder routes)
    {
        var interactions = routes.MapGroup("/v1/interactions").WithTags("Interactions");

        interactions
            .MapPost("", PostAsync)
            .WithName("postInteractions")
            .WithSummary("Store a batch of interactions")
            .Requires(Roles.Ingest)
            .WithDescription(
                "Stores the valid interactions in one transaction and names the invalid ones. With an `interactionId` a retry is harmless, "
                    + "and so it is with an `Idempotency-Key`, a text of the caller's for this request: sent again within a day with the same body, the request is answered as before and not counted again. "
                    + "When all are rejected, the answer is 400. "
                    + Creations
            )
            .Accepts<InteractionBatchRequest>("application/json")
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        interactions
            .MapPost("/import", ImportAsync)
            .WithName("importInteractions")
            .WithSummary("Import interactions")
            .Requires(Roles.Ingest)
            .WithDescription(
                $"NDJSON (one interaction a line), CSV (with a header row of {InteractionColumns.OfFiles.Names}, in any order; tags separated by `|`; context keys as text, or as numbers in columns such as `context.hour:number`), or Parquet with the same columns, streamed, of any size. "
                    + ColumnParameters.Description
                    + "`type=rating` names the column `rating` where the file has one that no other parameter names, and else the type of all rows. "
                    + "Valid lines are committed together; a broken connection stores none. With an `Idempotency-Key`, a text of the caller's for this file, the same request sent again "
                    + "within a day is answered as before and not counted again. "
                    + Creations
            )
            .Accepts<InteractionInput>(NdJson.MediaType, Csv.MediaType, ParquetRows.MediaType)
            .WithColumns(InteractionColumns.OfFiles)
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .TakesLong(LongRequest.Import);
        interactions
            .MapGet("/export", ExportAsync)
            .WithName("exportInteractions")
            .WithSummary("Export interactions")
            .Requires(Roles.Admin)
            .TakesLong(LongRequest.Export)
            .WithDescription(
                "All interactions as of one moment, in the order in which they were stored, as the import takes them: "
                    + ExportFormat.Description
                    + "Into an empty store they give the same "
                    + "state, but for the times of receipt; users and items have exports of their own."
            )
            .Produces<InteractionInput>(StatusCodes.Status200OK, NdJson.MediaType, ParquetRows.MediaType);
        interactions
            .MapGet("", ListAsync)
            .WithName("listInteractions")
            .WithSummary("List interactions")
            .Requires(Roles.Ingest)
            .WithDescription("By user, item, type and time (`from` ≤ occurredAt < `to`), the last stored first.")
            .WithTimes();
        interactions
            .MapGet("/types", ListTypesAsync)
            .WithName("listInteractionTypes")
            .WithSummary("List the types of interactions")
            .Requires(Roles.Ingest)
            .WithDescription(
                "Every type that is stored, the most frequent first, with what the settings say of it. A type that they do not name is stored and not "
                    + "trained on: often a slip of the pen. All interactions are counted, which takes seconds for millions."
            );

        // One request may empty the store, which the key of an application that ingests must not.
        interactions
            .MapDelete("", DeleteAsync)
            .WithName("deleteInteractions")
            .WithSummary("Delete interactions")
            .Requires(Roles.Admin)
            .TakesLong(LongRequest.Deletion)
            .WithDescription("By user, item, type and time (`from` ≤ occurredAt < `to`); at least one of them is required. Users and items stay.")
            .WithTimes();
        return routes;
    }

    public static ProblemHttpResult KeyReused() =>
        Problems.Of(
            StatusCodes.Status422UnprocessableEntity,
            $"{IdempotencyKey.HeaderName} came with another body within a day; choose a new one for each request.",
            "The key stands for another request.",
            "/problems/idempotency-key-reused"
        );

    private static async Task<Results<Ok<InteractionBatchResponse>, ValidationProblem, ProblemHttpResult>> PostAsync(
        HttpRequest request,
        [FromHeader(Name = IdempotencyKey.HeaderName)] string? idempotencyKey,
        ClaimsPrincipal caller,
        BatchReader reader,
        BatchWriter writer,
        DatabaseConfiguration configuration,
        CancellationToken cancellationToken
    )
    {
        if (idempotencyKey is not null && IdempotencyKey.Problem(idempotencyKey) is { } keyProblem)
        {
            return Problems.Invalid(IdempotencyKey.HeaderName, keyProblem);
        }

        using var keyed = idempotencyKey is null ? null : new KeyedBody(caller, idempotencyKey, request.Body);
        using var body = await JsonDocument.ParseAsync(keyed?.Content ?? request.Body, ApiJson.DocumentOptions, cancellationToken);
        var key = keyed?.Key;
        var errors = new FieldErrors();
        if (reader.Read(errors, body.RootElement) is not { } batch)
        {
            return errors.ToProblem();
        }

        if (batch.Rows.Count == 0)
        {
            return AllRejected(batch.Errors);
        }

        try
        {
            var response = await Transactions.WithinAsync(
                configuration.Options.CommandTimeout,
                limited => writer.StoreAsync(batch, key, limited),
                cancellationToken
            );
            return response.Rejected == batch.Count ? AllRejected(response.Errors) : TypedResults.Ok(response);
        }
        catch (IdempotencyKeyReusedException)
        {
            return KeyReused();
        }
    }

    private static ValidationProblem AllRejected(IEnumerable<ElementError> errors) =>
        Problems.Invalid(errors.Select(error => new FieldError(BatchReader.Path(error), error.Reason)));

    private static async Task<Results<Ok<InteractionImportResponse>, ValidationProblem, ProblemHttpResult>> ImportAsync(
        HttpRequest request,
        [FromHeader(Name = IdempotencyKey.HeaderName)] string? idempotencyKey,
        ClaimsPrincipal caller,
        InteractionImporter importer,
        CancellationToken cancellationToken
    )
    {
        if (idempotencyKey is not null && IdempotencyKey.Problem(idempotencyKey) is { } keyProblem)
        {
            return Problems.Invalid(IdempotencyKey.HeaderName, keyProblem);
        }

        using var keyed = idempotencyKey is null
            ? null
            : new KeyedBody(caller, idempotencyKey, request.Body, $"{request.Path}{request.QueryString} {request.ContentType}");
        request.Body = keyed?.Content ?? request.Body;
        var errors = new FieldErrors();
        try
        {
            var response = await importer.RunAsync(errors, request, keyed, cancellationToken);
            return errors.Any ? errors.ToProblem() : TypedResults.Ok(response);
        }
        catch (IdempotencyKeyReusedException)
        {
            return KeyReused();
        }
    }

    private static Task ExportAsync(
        HttpResponse response,
        [AllowedValues(ExportFormat.NdJson, ExportFormat.Parquet)] string? format,
        NpgsqlDataSource database,
        StallLimit stalls,
        AuditLog audit,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var isParquet = ExportFormat.IsParquet(errors, response.HttpContext.Request, format);
        return errors.Any
            ? errors.ToProblem().ExecuteAsync(response.HttpContext)
            : audit.WatchAsync("interactions.export", () => InteractionExport.WriteAsync(response, isParquet, database, stalls, cancellationToken));
    }

    public static async Task<Results<Ok<InteractionPage>, ValidationProblem>> ListAsync(
        RecServiceDbContext context,
        string? userId,
        string? itemId,
        string? type,
        string? from,
        string? to,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var filter = InteractionFilter.Read(errors, userId, itemId, type, from, to);
        var size = Paging.Limit(errors, limit);
        var after = Paging.AfterKey(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        if (await filter.QueryAsync(context, cancellationToken) is not { } interactions)
        {
            return TypedResults.Ok(new InteractionPage([], NextCursor: null));
        }

        if (after is { } key)
        {
            interactions = interactions.Where(interaction => interaction.InteractionKey < key);
        }

        var rows = await interactions
            .OrderByDescending(interaction => interaction.InteractionKey)
            .Take(size + 1)
            .Join(context.Users, interaction => interaction.UserKey, user => user.UserKey, (interaction, user) => new { interaction, user.UserId })
            .Join(
                context.Items,
                row => row.interaction.ItemKey,
                item => item.ItemKey,
                (row, item) =>
                    new
                    {
                        row.interaction,
                        row.UserId,
                        item.ItemId,
                    }
            )
            .OrderByDescending(row => row.interaction.InteractionKey)
            .ToListAsync(cancellationToken);
        var page = rows.Take(size).Select(row => InteractionResponse.From(row.interaction, row.UserId, row.ItemId));
        return TypedResults.Ok(
            new InteractionPage([.. page], rows.Count > size ? Paging.Cursor(ListName, rows[size - 1].interaction.InteractionKey) : null)
        );
    }

    public static async Task<Ok<InteractionTypesResponse>> ListTypesAsync(
        RecServiceDbContext context,
        Feedback feedback,
        CancellationToken cancellationToken
    )
    {
        var types = await context
            .Interactions.AsNoTracking()
            .GroupBy(interaction => interaction.Type)
            .Select(group => new
            {
                Type = group.Key,
                Count = group.LongCount(),
                Newest = group.Max(interaction => interaction.OccurredAt),
            })
            .OrderByDescending(type => type.Count)
            .ThenBy(type => type.Type)
            .ToListAsync(cancellationToken);
        return TypedResults.Ok(
            new InteractionTypesResponse([.. types.Select(type => InteractionTypeResponse.From(type.Type, type.Count, type.Newest, feedback))])
        );
    }

    private static async Task<Results<Ok<InteractionDeletionResponse>, ValidationProblem>> DeleteAsync(
        RecServiceDbContext context,
        string? userId,
        string? itemId,
        string? type,
        string? from,
        string? to,
        AuditLog audit,
        HttpContext http,
        StillAllowed stillAllowed,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var filter = InteractionFilter.Read(errors, userId, itemId, type, from, to);
        if (!errors.Any && filter.IsEmpty)
        {
            errors.Add("$", "must name at least one of userId, itemId, type, from and to");
        }

        if (errors.Any)
        {
            return errors.ToProblem();
        }

        context.Database.SetCommandTimeout(0);
        // A statement that deletes nothing would still be a change in the change log.
        var deleted =
            await filter.QueryAsync(context, cancellationToken) is { } interactions && await interactions.AnyAsync(cancellationToken)
                ? await Transactions.RetryAsync(
                    attempt =>
                        DeleteAndRecordAsync(
                            context,
                            interactions,
                            filter,
                            audit,
                            limited => stillAllowed(http, limited),
                            attempt,
                            cancellationToken
                        ),
                    cancellationToken
                )
                : 0;
        return TypedResults.Ok(new InteractionDeletionResponse(deleted));
    }

    private static async Task<int> DeleteAndRecordAsync(
        RecServiceDbContext context,
        IQueryable<Interaction> interactions,
        InteractionFilter filter,
        AuditLog audit,
        Func<CancellationToken, Task> beforeCommit,
        Transactions.Attempt attempt,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        await context.Database.ExecuteSqlRawAsync(Statements.WithoutJit, cancellationToken);
        var deleted = await interactions.ExecuteDeleteAsync(cancellationToken);
        await audit.WriteAsync(context, "interactions.delete", $"{filter}: {deleted}", cancellationToken);
        await beforeCommit(cancellationToken);
        // Done twice, it would answer that nothing was there.
        attempt.IsCommitting = true;
        await transaction.CommitAsync(cancellationToken);
        return deleted;
    }
}
