using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;

namespace RecService.Api.Catalog;

internal static class UserEndpoints
{
    private const string ListName = "users";

    public static IEndpointRouteBuilder MapUserEndpoints(this IEndpointRouteBuilder routes)
    {
        var users = routes.MapGroup("/v1/users").WithTags("Users").Requires(Roles.Ingest);

        users
            .MapPut("/{userId}", PutAsync)
            .WithName("putUser")
            .WithSummary("Store a user")
            .WithDescription("Replaces tags and attributes. Users that are only named by interactions need not be stored.");
        users.MapGet("/{userId}", GetAsync).WithName("getUser").WithSummary("Read a user").ProducesProblem(StatusCodes.Status404NotFound);
        users
            .MapDelete("/{userId}", DeleteAsync)
            .WithName("deleteUser")
            .WithSummary("Erase a user")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .WithDescription(
                "Removes the user with tags, attributes and all interactions, and the user's vector from the models of all processes. The answer names those that have confirmed it within a second; "
                    + "the others do so as soon as they can. Stored models are rewritten without the user. What the user taught other parameters stays until a model is trained anew. "
                    + "The same id may come back: that is a new user."
            )
            .TakesLong(LongRequest.Deletion);
        users.MapGet("", ListAsync).WithName("listUsers").WithSummary("List users").WithDescription("In the order of their ids, by code point.");
        users
            .MapPost("/import", ImportAsync)
            .WithName("importUsers")
            .WithSummary("Import users")
            .WithDescription(
                $"NDJSON (one user a line), CSV (with a header row of {CatalogColumns.OfUsers.Names}, in any order; tags separated by `|`; a key as text, or as numbers in columns such as `attributes.age:number`), or Parquet with the same columns; stored as by PUT, streamed, of any size. "
                    + ColumnParameters.Description
                    + "Valid lines are committed together; a broken connection stores none."
            )
            .Accepts<UserLineInput>(NdJson.MediaType, Csv.MediaType, ParquetRows.MediaType)
            .WithColumns(CatalogColumns.OfUsers)
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .TakesLong(LongRequest.Import);
        return routes;
    }

    private static async Task<Results<Ok<UserResponse>, Created<UserResponse>, ValidationProblem>> PutAsync(
        ExternalId userId,
        UserInput user,
        UserStore store,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var row = Validate(errors, userId.Value, user);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var (stored, created) = await store.PutAsync(row, cancellationToken);
        var response = UserResponse.From(stored);
        return created ? TypedResults.Created($"/v1/users/{ExternalId.ToPathSegment(userId.Value)}", response) : TypedResults.Ok(response);
    }

    private static async Task<Results<Ok<UserResponse>, ProblemHttpResult>> GetAsync(
        ExternalId userId,
        UserStore store,
        CancellationToken cancellationToken
    ) =>
        await store.FindAsync(userId.Value, cancellationToken) is { } user
            ? TypedResults.Ok(UserResponse.From(user))
            : Problems.NotFound("user", userId);

    public static async Task<Results<Ok<UserErasureResponse>, ProblemHttpResult>> DeleteAsync(
        ExternalId userId,
        UserStore store,
        ReplicaRegistry replicas,
        CancellationToken cancellationToken
    ) =>
        await store.EraseAsync(userId.Value, cancellationToken) is { } erasure
            ? TypedResults.Ok(
                new UserErasureResponse(erasure.ErasedAt, erasure.Interactions, await replicas.ReceiptsAsync(erasure.ErasureId, cancellationToken))
            )
            : Problems.NotFound("user", userId);

    private static async Task<Results<Ok<UserPage>, ValidationProblem>> ListAsync(
        UserStore store,
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

        var users = await store.ListAsync(after, prefix: null, size + 1, cancellationToken);
        var next = users.Count > size ? Paging.Cursor(ListName, users[size - 1].UserId) : null;
        return TypedResults.Ok(new UserPage([.. users.Take(size).Select(UserResponse.From)], next));
    }

    private static async Task<Results<Ok<ImportResponse>, ValidationProblem>> ImportAsync(
        HttpRequest request,
        UserStore store,
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
            CatalogColumns.OfUsers,
            import,
            (own, line) => Validate(own, line.UserId, line),
            cancellationToken
        );
        return errors.Any ? errors.ToProblem() : TypedResults.Ok(response);
    }

    private static UserRow Validate(FieldErrors errors, string userId, UserInput input)
    {
        errors.Check("userId", ExternalId.Problem(userId));
        var tags = Features.Tags(errors, "tags", input.Tags);
        var attributes = Features.Values(errors, "attributes", input.Attributes);
        return new(userId, tags, Features.ToJson(attributes));
    }
}
