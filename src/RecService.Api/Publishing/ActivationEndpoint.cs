using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http;
using RecService.Api.Http.Limits;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Model;

namespace RecService.Api.Publishing;

/// <summary>Activation of a model by hand. It is here because the model is tried on the current catalogue, and the answer waits for the snapshot.</summary>
internal static class ActivationEndpoint
{
    private const string AuditedAs = "model.activate";

    public static void MapActivationEndpoint(this IEndpointRouteBuilder routes) =>
        routes
            .MapGroup("/v1/models")
            .WithTags("Models")
            .Requires(Roles.Admin)
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

    public static async Task<Results<Ok<ModelResponse>, ProblemHttpResult>> ActivateAsync(
        long version,
        ModelStore models,
        ModelLoader loader,
        CatalogReader catalog,
        Publisher publisher,
        AuditLog audit,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        if (await models.FindAsync(version, cancellationToken) is not var (model, _))
        {
            return ModelProblems.NotFound(version);
        }

        if (model.PrunedAt is not null)
        {
            return ModelProblems.Gone(version);
        }

        try
        {
            var loaded = await loader.LoadAsync(version, cancellationToken);
            var encoder = new ItemEncoder(loaded);
            var (items, _) = await catalog.ReadAsync(encoder, cancellationToken);
            RankingModel.PrepareNew(loaded, encoder, items);
        }
        catch (Exception exception) when (exception is ModelFormatException or ModelCheckException)
        {
            await audit.WriteFailureAsync(AuditedAs, version, cancellationToken);
            return ModelProblems.Unusable(exception.Message);
        }

        var activated = await audit.RunAsync(
            AuditedAs,
            version,
            (connection, token) => ModelStore.ActivateAsync(connection, version, clock.GetUtcNow(), token),
            cancellationToken
        );
        if (!activated)
        {
            return ModelProblems.Gone(version);
        }

        await publisher.RefreshAsync(retryRefused: true, cancellationToken);
        return TypedResults.Ok(ModelResponse.From(model, isActive: true));
    }
}
