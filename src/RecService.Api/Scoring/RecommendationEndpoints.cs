using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http;
using RecService.Api.Publishing;
using RecService.Api.Telemetry;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

internal static class RecommendationEndpoints
{
    public static void MapRecommendations(this IEndpointRouteBuilder endpoints)
    {
        endpoints
            .MapPost("/v1/recommendations", RecommendAsync)
            .WithTags("Scoring")
            .WithName("recommend")
            .WithSummary("Recommend items")
            .Requires(Roles.Score)
            .WithDescription(
                "Ranks the catalogue for a user and the circumstances. Before the first model the ranking is by popularity, and `source` says so. "
                    + "While the database is away, the snapshot answers, and `degraded` says what it could not know."
            );
        endpoints
            .MapGet("/v1/recommendations/popular", PopularAsync)
            .WithTags("Scoring")
            .WithName("listPopularItems")
            .WithSummary("List the most popular items")
            .Requires(Roles.Score)
            .WithDescription("By the number of users who have interacted with an item.");
        endpoints
            .MapGet("/v1/items/{itemId}/similar", SimilarAsync)
            .WithTags("Scoring")
            .WithName("listSimilarItems")
            .WithSummary("List items like an item")
            .Requires(Roles.Score)
            .WithDescription("By the cosine of the vectors that the model has learned for the items and their tags.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Results<Ok<RecommendationResponse>, ValidationProblem>> RecommendAsync(
        RecommendationRequest request,
        Publisher publisher,
        ScoringStore store,
        Recommender recommender,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var context = ScoringValidation.Context(request.Context, request.Tags, "", errors);
        var count = ScoringValidation.Recommendation(request, errors);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        var excludeSeen = request.Filter?.ExcludeSeen ?? true;
        var user = request.UserId is null ? null : await store.FindUserAsync(request.UserId, excludeSeen, cancellationToken);
        var excluded = CandidateFilter.Excluded(snapshot.Catalog, request.Filter, user?.SeenItems ?? []);
        var recommendationId = Guid.CreateVersion7().ToString();
        if (snapshot.Model is not { } model)
        {
            var popular = await recommender.ByPopularityAsync(snapshot.Catalog, request.Filter, excluded, count, cancellationToken);
            metrics.Recommended(Recommender.ByPopularity);
            return TypedResults.Ok(
                new RecommendationResponse(
                    recommendationId,
                    ModelVersion: null,
                    Recommender.ByPopularity,
                    [
                        .. popular.Select(
                            (c, i) =>
                                new RecommendedItem(
                                    i + 1,
                                    snapshot.Catalog.Items[c.Index].ItemId,
                                    c.Score,
                                    Prediction: null,
                                    c.Stored.Tags,
                                    c.Stored.Metadata,
                                    Explanation: null,
                                    CrossVector: null
                                )
                        ),
                    ],
                    store.Missing
                )
            );
        }

        var row = RequestRows.ForRequest(model, user?.Features, context);
        var ranked = await recommender.ByModelAsync(snapshot, row, request.Filter, excluded, count, cancellationToken);
        var joined = new RowBuffer();
        metrics.Recommended(Recommender.ByModel);
        return TypedResults.Ok(
            new RecommendationResponse(
                recommendationId,
                model.Version,
                Recommender.ByModel,
                [
                    .. ranked.Select(
                        (c, i) =>
                        {
                            RequestRows.Join(joined, row, model, c.Index);
                            return new RecommendedItem(
                                i + 1,
                                snapshot.Catalog.Items[c.Index].ItemId,
                                c.Score,
                                model.Model.Predict(c.Score),
                                c.Stored.Tags,
                                c.Stored.Metadata,
                                ScoreDetails.Wanted(request.Include, ScoreDetails.ExplanationPart) ? ScoreDetails.Explain(model, joined.Row) : null,
                                ScoreDetails.Wanted(request.Include, ScoreDetails.CrossVectorPart)
                                    ? ScoreDetails.CrossVector(model, joined.Row)
                                    : null
                            );
                        }
                    ),
                ],
                store.Missing
            )
        );
    }

    private static async Task<Results<Ok<PopularResponse>, ValidationProblem>> PopularAsync(
        Publisher publisher,
        ScoringStore store,
        Recommender recommender,
        CancellationToken cancellationToken,
        int count = ScoringValidation.DefaultCount
    )
    {
        var errors = new FieldErrors();
        ScoringValidation.Count(count, errors);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var catalog = publisher.Current.Catalog;
        var excluded = CandidateFilter.Excluded(catalog, filter: null, seenItems: []);
        var popular = await recommender.ByPopularityAsync(catalog, filter: null, excluded, count, cancellationToken);
        return TypedResults.Ok(
            new PopularResponse(
                [
                    .. popular.Select(
                        (c, i) =>
                            new PopularItem(i + 1, catalog.Items[c.Index].ItemId, catalog.Items[c.Index].Users, c.Stored.Tags, c.Stored.Metadata)
                    ),
                ],
                store.Missing
            )
        );
    }

    private static async Task<Results<Ok<SimilarResponse>, ValidationProblem, ProblemHttpResult>> SimilarAsync(
        ExternalId itemId,
        Publisher publisher,
        ScoringStore store,
        Recommender recommender,
        CancellationToken cancellationToken,
        int count = ScoringValidation.DefaultCount
    )
    {
        var errors = new FieldErrors();
        ScoringValidation.Count(count, errors);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        if (snapshot.Model is not { } model)
        {
            return ScoringProblems.NoModel();
        }

        if (
            snapshot.Catalog.IndexOf(itemId.Value) is not { } index
            || await store.FindItemsAsync([snapshot.Catalog.Items[index].ItemKey], cancellationToken) is { Count: 0 }
        )
        {
            return Problems.NotFound("item", itemId.Value);
        }

        var similar = await recommender.BySimilarityAsync(snapshot, index, count, cancellationToken);
        return TypedResults.Ok(
            new SimilarResponse(
                model.Version,
                [
                    .. similar.Select(
                        (c, i) => new SimilarItem(i + 1, snapshot.Catalog.Items[c.Index].ItemId, c.Score, c.Stored.Tags, c.Stored.Metadata)
                    ),
                ],
                store.Missing
            )
        );
    }
}
