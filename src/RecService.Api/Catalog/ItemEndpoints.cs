using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using RecService.Api.Http;
using RecService.Api.Telemetry;

namespace RecService.Api.Catalog;

internal static class ItemEndpoints
{
    private const string ListName = "items";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var items = routes.MapGroup("/v1/items").WithTags("Items").Requires(Roles.Ingest);

        items
            .MapPut("/{itemId}", PutAsync)
            .WithName("putItem")
            .WithSummary("Store an item")
            .WithDescription("Replaces tags, attributes, availability and metadata. Items that are only named by interactions need not be stored.")
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        items.MapGet("/{itemId}", GetAsync).WithName("getItem").WithSummary("Read an item").ProducesProblem(StatusCodes.Status404NotFound);
        items
            .MapDelete("/{itemId}", DeleteAsync)
            .WithName("deleteItem")
            .WithSummary("Delete an item")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .WithDescription("Removes the item and all interactions with it. To keep them, store it with `available` false.")
            .WithoutTimeLimit();
        items.MapGet("", ListAsync).WithName("listItems").WithSummary("List items").WithDescription("In the order of their ids, by code point.");
        items
            .MapPost("/import", ImportAsync)
            .WithName("importItems")
            .WithSummary("Import items")
            .WithDescription(
                "NDJSON: one item a line, stored as by PUT, streamed, of any size. Valid lines are committed together; a broken connection stores none."
            )
            .Accepts<ItemLine>(NdJson.MediaType)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .WithImportSlot();
    }

    private static async Task<Results<Ok<ItemAnswer>, Created<ItemAnswer>, ValidationProblem>> PutAsync(
        ExternalId itemId,
        ItemInput item,
        ItemStore store,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var row = Validate(errors, itemId.Value, item.Tags, item.Attributes, item.Available, item.Metadata);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var (stored, created) = await store.PutAsync(row, cancellationToken);
        var answer = ItemAnswer.From(stored);
        return created ? TypedResults.Created($"/v1/items/{ExternalId.ToPathSegment(itemId.Value)}", answer) : TypedResults.Ok(answer);
    }

    private static async Task<Results<Ok<ItemAnswer>, ProblemHttpResult>> GetAsync(
        ExternalId itemId,
        ItemStore store,
        CancellationToken cancellationToken
    ) =>
        await store.FindAsync(itemId.Value, cancellationToken) is { } item
            ? TypedResults.Ok(ItemAnswer.From(item))
            : Problems.NotFound("item", itemId);

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        ExternalId itemId,
        ItemStore store,
        CancellationToken cancellationToken
    ) => await store.DeleteAsync(itemId.Value, cancellationToken) ? TypedResults.NoContent() : Problems.NotFound("item", itemId);

    private static async Task<Results<Ok<ItemPage>, ValidationProblem>> ListAsync(
        ItemStore store,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var after = Paging.After(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var items = await store.ListAsync(after, size + 1, cancellationToken);
        var next = items.Count > size ? Paging.Cursor(ListName, items[size - 1].ItemId) : null;
        return TypedResults.Ok(new ItemPage([.. items.Take(size).Select(ItemAnswer.From)], next));
    }

    private static async Task<Ok<ImportResponse>> ImportAsync(
        HttpRequest request,
        ItemStore store,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
    {
        await using var import = await store.BeginImportAsync(cancellationToken);
        return TypedResults.Ok(
            await CatalogImporter.RunAsync<ItemLine, ItemRow>(
                request,
                ListName,
                import,
                (errors, line) => Validate(errors, line.ItemId, line.Tags, line.Attributes, line.Available, line.Metadata),
                metrics,
                cancellationToken
            )
        );
    }

    private static ItemRow Validate(
        FieldErrors errors,
        string itemId,
        IReadOnlyList<string>? tags,
        IReadOnlyDictionary<string, FeatureValue>? attributes,
        bool available,
        RawJsonObject? metadata
    )
    {
        if (ExternalId.Problem(itemId) is { } problem)
        {
            errors.Add("itemId", problem);
        }

        var values = Features.Values(errors, "attributes", attributes);
        return new(itemId, Features.Tags(errors, "tags", tags), Features.ToJson(values), available, metadata?.Text);
    }
}
