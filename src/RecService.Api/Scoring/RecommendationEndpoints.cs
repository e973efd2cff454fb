using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Publishing;
using RecService.Api.Telemetry;

namespace RecService.Api.Scoring;

internal static class RecommendationEndpoints
{
    public static IEndpointRouteBuilder MapRecommendationEndpoints(this IEndpointRouteBuilder routes)
    {
        routes
            .MapPost("/v1/recommendations", RecommendAsync)
            .WithTags("Scoring")
            .WithName("recommend")
            .WithSummary("Recommend items")
            .Requires(Roles.Score)
            .WithDescription(
                "Ranks the catalogue for a user and the circumstances. Before the first model the ranking is by popularity, and `source` says so. "
                    + "While the database is away, the snapshot answers, and `degraded` says what it could not know."
            );
        routes
            .MapGet("/v1/recommendations/popular", PopularAsync)
            .WithTags("Scoring")
            .WithName("listPopularItems")
            .WithSummary("List the most popular items")
            .Requires(Roles.Score)
            .WithDescription("By the number of users who have interacted with an item.");
        routes
            .MapGet("/v1/items/{itemId}/similar", SimilarAsync)
            .WithTags("Scoring")
            .WithName("listSimilarItems")
            .WithSummary("List items like an item")
            .Requires(Roles.Score)
            .WithDescription("By the cosine of the vectors that the model has learned for the items and their tags.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        return routes;
    }

    private static async Task<Results<Ok<RecommendationResponse>, ValidationProblem>> RecommendAsync(
        RecommendationRequest request,
        Publisher publisher,
        StoreReader store,
        Recommender recommender,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var count = request.Count ?? RequestValidation.DefaultCount;
        RequestValidation.Count(errors, count);
        RequestValidation.Id(errors, "userId", request.UserId);
        RequestValidation.Include(errors, request.Include);
        var context = RequestValidation.Context(errors, "", request.Context, request.Tags);
        var filter = CandidateFilter.Compile(errors, "filter", request.Filter);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        var excludeSeen = request.Filter?.ExcludeSeen ?? true;
        var user = request.UserId is null ? null : await store.FindUserAsync(request.UserId, excludeSeen, cancellationToken);
        var ranking = RecommendationSources.Rank(snapshot, new(user?.Features, context));
        var top = await recommender.TopAsync(ranking, filter.Without(user?.SeenItems ?? []), count, cancellationToken);
        metrics.Recommended(ranking.Source);
        return TypedResults.Ok(
            new RecommendationResponse(
                Guid.CreateVersion7().ToString(),
                ranking.Model?.Version,
                ranking.Source,
                [.. top.Select(candidate => RecommendedItem.From(candidate, ranking.Details(candidate.Ranked, request.Include)))],
                store.Missing
            )
        );
    }

    private static async Task<Results<Ok<PopularItemsResponse>, ValidationProblem>> PopularAsync(
        Publisher publisher,
        StoreReader store,
        Recommender recommender,
        CancellationToken cancellationToken,
        int count = RequestValidation.DefaultCount
    )
    {
        var errors = new FieldErrors();
        RequestValidation.Count(errors, count);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var ranking = new PopularityRanking(publisher.Current.Catalog);
        var popular = await recommender.TopAsync(ranking, CandidateFilter.None, count, cancellationToken);
        return TypedResults.Ok(new PopularItemsResponse([.. popular.Select(PopularItem.From)], store.Missing));
    }

    private static async Task<Results<Ok<SimilarItemsResponse>, ValidationProblem, ProblemHttpResult>> SimilarAsync(
        ExternalId itemId,
        Publisher publisher,
        StoreReader store,
        Recommender recommender,
        CancellationToken cancellationToken,
        int count = RequestValidation.DefaultCount
    )
    {
        var errors = new FieldErrors();
        RequestValidation.Count(errors, count);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        if (snapshot.Model is not { } model)
        {
            return ModelProblems.NoModel();
        }

        if (
            snapshot.Catalog.IndexOf(itemId.Value) is not { } item
            || await store.FindItemsAsync([snapshot.Catalog.Items[item].ItemKey], cancellationToken) is { Count: 0 }
        )
        {
            return Problems.NotFound("item", itemId.Value);
        }

        var ranking = new SimilarityRanking(snapshot.Catalog, model, item);
        var similar = await recommender.TopAsync(ranking, CandidateFilter.None, count, cancellationToken);
        return TypedResults.Ok(new SimilarItemsResponse(model.Version, [.. similar.Select(SimilarItem.From)], store.Missing));
    }
}
