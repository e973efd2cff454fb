using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Http;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

internal static class InteractionEndpoints
{
    private const string ListName = "interactions";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var interactions = routes.MapGroup("/v1/interactions").WithTags("Interactions");

        interactions.MapPost("", PostAsync).WithName("postInteractions").WithSummary("Store a batch of interactions").Requires(Roles.Ingest)
            .WithDescription(
                "Stores the valid interactions in one transaction and names the invalid ones. With an `interactionId` a retry is harmless. "
                + "When all are rejected, the answer is 400. Unknown users and items are created.")
            .Accepts<InteractionBatch>("application/json")
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        interactions.MapPost("/import", ImportAsync).WithName("importInteractions").WithSummary("Import interactions").Requires(Roles.Ingest)
            .WithDescription(
                "NDJSON (one interaction a line) or CSV (with a header row; tags separated by `|`; columns `context.<key>`), streamed, of any size. "
                + "Valid lines are committed together; a broken connection stores none.")
            .Accepts<InteractionInput>(NdJson.MediaType, CsvInteractions.MediaType)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .WithImportSlot();
        interactions.MapGet("/export", ExportAsync).WithName("exportInteractions").WithSummary("Export interactions").Requires(Roles.Admin).WithoutTimeLimit()
            .WithDescription(
                "NDJSON: all interactions as of one moment, in the order in which they were stored, as the import takes them. Into an empty store they give the same "
                + "state, but for the times of receipt; users and items have exports of their own.")
            .Produces<InteractionInput>(StatusCodes.Status200OK, NdJson.MediaType);
        interactions.MapGet("", ListAsync).WithName("listInteractions").WithSummary("List interactions").Requires(Roles.Ingest)
            .WithDescription("By user, item, type and time (`from` ≤ occurredAt < `to`), the last stored first.")
            .WithTimes();

        // One request may empty the store, which the key of an application that ingests must not.
        interactions.MapDelete("", DeleteAsync).WithName("deleteInteractions").WithSummary("Delete interactions").Requires(Roles.Admin).WithoutTimeLimit()
            .WithDescription("By user, item, type and time (`from` ≤ occurredAt < `to`); at least one of them is required. Users and items stay.")
            .WithTimes();
    }

    private static async Task<Results<Ok<BatchResult>, ValidationProblem>> PostAsync(
        HttpRequest request, NpgsqlDataSource dataSource, ServiceMetrics metrics, TimeProvider time, CancellationToken cancellationToken)
    {
        using var body = await JsonDocument.ParseAsync(request.Body, ApiJson.DocumentOptions, cancellationToken);
        var requestErrors = new FieldErrors();
        var elements = BatchReader.Elements(requestErrors, body.RootElement);
        if (requestErrors.Any)
        {
            return requestErrors.ToProblem();
        }

        var now = time.GetUtcNow();
        var rows = new List<(int Index, InteractionRow Row)>(elements.Count);
        var rejected = new List<ElementError>();
        for (var i = 0; i < elements.Count; i++)
        {
            var errors = new FieldErrors();
            var input = BatchReader.Element(errors, elements[i]);
            if (input is not null && InteractionValidation.Validate(errors, input, now) is var row && !errors.Any)
            {
                rows.Add((i, row));
            }
            else
            {
                metrics.CountInteractions(metrics.TypeOf(input?.Type), Outcome.Rejected, 1);
                rejected.AddRange(errors.All.Select(error => new ElementError(i, error.Field, error.Reason)));
            }
        }

        var outcome = rows.Count == 0 ? default : await WriteAsync(dataSource, now, metrics, rows, cancellationToken);
        foreach (var index in outcome.Conflicts ?? [])
        {
            rejected.Add(new((int)index, InteractionConflict.Error.Field, InteractionConflict.Error.Reason));
        }

        var rejectedCount = elements.Count - outcome.Accepted - outcome.Duplicates;
        return rejectedCount == elements.Count
            ? Problems.Invalid(rejected.Select(error => new FieldError(Path(error), error.Reason)))
            : TypedResults.Ok(new BatchResult(outcome.Accepted, outcome.Duplicates, rejectedCount, [.. rejected.OrderBy(error => error.Index)]));
    }

    private static async Task<WriteOutcome> WriteAsync(
        NpgsqlDataSource dataSource, DateTimeOffset now, ServiceMetrics metrics, List<(int Index, InteractionRow Row)> rows, CancellationToken cancellationToken)
    {
        await using var writer = await InteractionWriter.BeginAsync(dataSource, now, metrics, cancellationToken);
        foreach (var (index, row) in rows)
        {
            await writer.AddAsync(index, row, cancellationToken);
        }

        return await writer.CommitAsync(maxConflicts: rows.Count, cancellationToken);
    }

    private static string Path(ElementError error)
    {
        var element = string.Create(CultureInfo.InvariantCulture, $"{ListName}[{error.Index}]");
        return error.Field is "$" ? element : $"{element}.{error.Field}";
    }

    private static async Task<Results<Ok<InteractionImportResult>, ValidationProblem>> ImportAsync(
        HttpRequest request, InteractionImporter importer, CancellationToken cancellationToken)
    {
        var requestErrors = new FieldErrors();
        var result = await importer.RunAsync(request, requestErrors, cancellationToken);
        return requestErrors.Any ? requestErrors.ToProblem() : TypedResults.Ok(result);
    }

    private static Task ExportAsync(HttpResponse response, NpgsqlDataSource database, AuditLog audit, CancellationToken cancellationToken) =>
        audit.WatchAsync("interactions.export", () => InteractionExport.WriteAsync(response, database, cancellationToken));

    private static async Task<Results<Ok<InteractionPage>, ValidationProblem>> ListAsync(
        RecServiceDbContext database,
        string? userId,
        string? itemId,
        string? type,
        string? from,
        string? to,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken)
    {
        var errors = new FieldErrors();
        var filter = InteractionFilter.Read(errors, userId, itemId, type, from, to);
        var size = Paging.Limit(errors, limit);
        var after = Paging.AfterKey(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        if (await filter.QueryAsync(database, cancellationToken) is not { } interactions)
        {
            return TypedResults.Ok(new InteractionPage([], NextCursor: null));
        }

        if (after is { } key)
        {
            interactions = interactions.Where(interaction => interaction.InteractionKey < key);
        }

        var rows = await interactions.OrderByDescending(interaction => interaction.InteractionKey).Take(size + 1)
            .Join(database.Users, interaction => interaction.UserKey, user => user.UserKey, (interaction, user) => new { interaction, user.UserId })
            .Join(database.Items, row => row.interaction.ItemKey, item => item.ItemKey, (row, item) => new { row.interaction, row.UserId, item.ItemId })
            .OrderByDescending(row => row.interaction.InteractionKey)
            .ToListAsync(cancellationToken);
        var page = rows.Take(size).Select(row => new InteractionAnswer
        {
            InteractionId = row.interaction.InteractionId,
            UserId = row.UserId,
            ItemId = row.ItemId,
            Type = row.interaction.Type,
            Value = row.interaction.Value,
            OccurredAt = row.interaction.OccurredAt,
            Tags = row.interaction.Tags,
            Context = Features.FromJson(row.interaction.Context),
            RecommendationId = row.interaction.RecommendationId,
            ReceivedAt = row.interaction.ReceivedAt,
        });
        return TypedResults.Ok(new InteractionPage([.. page], rows.Count > size ? Paging.Cursor(ListName, rows[size - 1].interaction.InteractionKey) : null));
    }

    private static async Task<Results<Ok<DeletedInteractions>, ValidationProblem>> DeleteAsync(
        RecServiceDbContext database,
        string? userId,
        string? itemId,
        string? type,
        string? from,
        string? to,
        AuditLog audit,
        CancellationToken cancellationToken)
    {
        var errors = new FieldErrors();
        var filter = InteractionFilter.Read(errors, userId, itemId, type, from, to);
        if (!errors.Any && filter.IsEmpty)
        {
            errors.Add("$", "at least one of userId, itemId, type, from and to is required");
        }

        if (errors.Any)
        {
            return errors.ToProblem();
        }

        database.Database.SetCommandTimeout(0);
        // A statement that deletes nothing would still be a change in the change log.
        var deleted = await filter.QueryAsync(database, cancellationToken) is { } interactions && await interactions.AnyAsync(cancellationToken)
            ? await Transactions.RetryAsync(() => DeleteAndRecordAsync(database, interactions, filter, audit, cancellationToken), cancellationToken)
            : 0;
        return TypedResults.Ok(new DeletedInteractions(deleted));
    }

    private static async Task<int> DeleteAndRecordAsync(
        RecServiceDbContext database, IQueryable<Interaction> interactions, InteractionFilter filter, AuditLog audit, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var deleted = await interactions.ExecuteDeleteAsync(cancellationToken);
        await audit.WriteAsync(database, "interactions.delete", $"{filter}: {deleted}", cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return deleted;
    }
}
