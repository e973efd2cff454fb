using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;

namespace RecService.Api.Catalog;

internal static class ItemEndpoints
{
    private const string ListName = "items";

    public static IEndpointRouteBuilder MapItemEndpoints(this IEndpointRouteBuilder routes)
    {
        var items = routes.MapGroup("/v1/items").WithTags("Items").Requires(Roles.Ingest);

        items
            .MapPut("/{itemId}", PutAsync)
            .WithName("putItem")
            .WithSummary("Store an item")
            .WithDescription(
                "Replaces tags, attributes, availability and metadata. Items that are only named by interactions need not be stored. Brings an item back that was deleted."
            );
        items.MapGet("/{itemId}", GetAsync).WithName("getItem").WithSummary("Read an item").ProducesProblem(StatusCodes.Status404NotFound);
        items
            .MapDelete("/{itemId}", DeleteAsync)
            .WithName("deleteItem")
            .WithSummary("Delete an item")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .WithDescription(
                "Removes the item and all interactions with it. To keep them, store it with `available` false. Interactions that come late do not bring the item "
                    + "back: they are rejected for as long as `Interactions:RefuseDeletedItemsFor` says, unless it is stored again by PUT or import."
            )
            .TakesLong(LongRequest.Deletion);
        items.MapGet("", ListAsync).WithName("listItems").WithSummary("List items").WithDescription("In the order of their ids, by code point.");
        items
            .MapPost("/import", ImportAsync)
            .WithName("importItems")
            .WithSummary("Import items")
            .WithDescription(
                $"NDJSON (one item a line), CSV (with a header row of {CatalogColumns.OfItems.Names}, in any order; tags separated by `|`; a key as text, or as numbers in columns such as `attributes.year:number`), or Parquet with the same columns; stored as by PUT, streamed, of any size. "
                    + ColumnParameters.Description
                    + "Valid lines are committed together; a broken connection stores none."
            )
            .Accepts<ItemLineInput>(NdJson.MediaType, Csv.MediaType, ParquetRows.MediaType)
            .WithColumns(CatalogColumns.OfItems)
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .TakesLong(LongRequest.Import);
        return routes;
    }

    private static async Task<Results<Ok<ItemResponse>, Created<ItemResponse>, ValidationProblem>> PutAsync(
        ExternalId itemId,
        ItemInput item,
        ItemStore store,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var row = Validate(errors, itemId.Value, item);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var (stored, created) = await store.PutAsync(row, cancellationToken);
        var response = ItemResponse.From(stored);
        return created ? TypedResults.Created($"/v1/items/{ExternalId.ToPathSegment(itemId.Value)}", response) : TypedResults.Ok(response);
    }

    private static async Task<Results<Ok<ItemResponse>, ProblemHttpResult>> GetAsync(
        ExternalId itemId,
        ItemStore store,
        CancellationToken cancellationToken
    ) =>
        await store.FindAsync(itemId.Value, cancellationToken) is { } item
            ? TypedResults.Ok(ItemResponse.From(item))
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

        var items = await store.ListAsync(after, prefix: null, size + 1, cancellationToken);
        var next = items.Count > size ? Paging.Cursor(ListName, items[size - 1].ItemId) : null;
        return TypedResults.Ok(new ItemPage([.. items.Take(size).Select(ItemResponse.From)], next));
    }

    private static async Task<Results<Ok<ImportResponse>, ValidationProblem>> ImportAsync(
        HttpRequest request,
        ItemStore store,
        CatalogImporter importer,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        await using var import = await store.BeginImportAsync(cancellationToken);
        var response = await importer.RunAsync(
            errors,
            request,
            ListName,
            CatalogColumns.OfItems,
            import,
            (own, line) => Validate(own, line.ItemId, line),
            cancellationToken
        );
        return errors.Any ? errors.ToProblem() : TypedResults.Ok(response);
    }

    private static ItemRow Validate(FieldErrors errors, string itemId, ItemInput input)
    {
        errors.Check("itemId", ExternalId.Problem(itemId));
        var tags = Features.Tags(errors, "tags", input.Tags);
        var attributes = Features.Values(errors, "attributes", input.Attributes);
        return new(itemId, tags, Features.ToJson(attributes), input.Available ?? true, input.Metadata?.Text);
    }
}
