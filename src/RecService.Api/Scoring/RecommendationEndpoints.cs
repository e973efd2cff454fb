using System.Diagnostics;
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
                    + "By a model with histories, what was posted a moment ago counts, and `recentItems` of the request as well. "
                    + "While the database is away, the snapshot answers, and `degraded` says what it could not know."
            );
        routes
            .MapGet("/v1/recommendations/popular", PopularAsync)
            .WithTags("Scoring")
            .WithName("listPopularItems")
            .WithSummary("List the most popular items")
            .Requires(Roles.Score)
            .WithDescription("By the number of users of whom an item has a positive interaction.");
        routes
            .MapGet("/v1/items/{itemId}/similar", SimilarAsync)
            .WithTags("Scoring")
            .WithName("listSimilarItems")
            .WithSummary("List items like an item")
            .Requires(Roles.Score)
            .WithDescription("By the cosine of the vectors that the model has learned for the items and their tags.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        routes
            .MapGet("/v1/items/{itemId}/next", NextAsync)
            .WithTags("Scoring")
            .WithName("listNextItems")
            .WithSummary("List what is taken after an item")
            .Requires(Roles.Score)
            .WithDescription(
                "By the model, for somebody of whom no more is known than that the item was taken just now; by popularity, and `source` says so, "
                    + "before the first model. A model without histories makes nothing of the item."
            )
            .ProducesProblem(StatusCodes.Status404NotFound);
        return routes;
    }

    private static async Task<Results<Ok<RecommendationResponse>, ValidationProblem>> RecommendAsync(
        RecommendationRequest request,
        Publisher publisher,
        StoreReader store,
        SeenRules seenRules,
        Recommender recommender,
        ServiceMetrics metrics,
        TimeProvider clock,
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
        var seen = seenRules.Compile(errors, "filter", request.Filter);
        RecentItems.Check(errors, request.RecentItems, request.HistoryMode);
        var snapshot = publisher.Current;
        var history = snapshot.Model?.Model.History;
        errors.Check("recentItems", RecentItems.TooMany(request.RecentItems, history));
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var now = clock.GetUtcNow();
        var excludeSeen = request.Filter?.ExcludeSeen ?? true;
        var recent = await RecentItems.FindAsync(snapshot, request.RecentItems, request.HistoryMode, store, cancellationToken);
        var user = request.UserId is null
            ? null
            : await store.FindUserAsync(request.UserId, seen, recent.Replaces ? null : history, cancellationToken);
        var events = recent.After(user?.History ?? [], history, now);
        var pooling = await RequestPooling.CreateAsync(snapshot, snapshot.Model, events, store, now, cancellationToken);
        var ranking = RecommendationSources.Rank(snapshot, new(user?.Features, context, pooling.Pool(events)));
        long[] leftOut = [.. user?.LeftOutItems ?? [], .. excludeSeen ? recent.SeenKeys : []];
        var top = await recommender.TopAsync(ranking, filter.Without(leftOut), count, cancellationToken);
        metrics.Recommended(ranking.Source);
        return TypedResults.Ok(
            new RecommendationResponse(
                Guid.CreateVersion7().ToString(),
                ranking.Model?.Version,
                ranking.Source,
                [.. top.Select(candidate => RecommendedItem.From(candidate, ranking.Details(candidate.Ranked, request.Include)))],
                store.Missing,
                ranking.Personalization,
                store.KnowsUsers ? user is not null : null,
                recent.Unknown
            )
        );
    }

    private static async Task<Results<Ok<RecommendationResponse>, ValidationProblem, ProblemHttpResult>> NextAsync(
        ExternalId itemId,
        Publisher publisher,
        StoreReader store,
        SeenRules seenRules,
        Recommender recommender,
        ServiceMetrics metrics,
        TimeProvider clock,
        CancellationToken cancellationToken,
        int count = RequestValidation.DefaultCount
    )
    {
        if (publisher.Current.Catalog.IndexOf(itemId.Value) is null && (await store.FindItemKeysAsync([itemId.Value], cancellationToken)).Count == 0)
        {
            return Problems.NotFound("item", itemId.Value);
        }

        var request = new RecommendationRequest(Count: count, RecentItems: [new(itemId.Value)]);
        var answer = await RecommendAsync(request, publisher, store, seenRules, recommender, metrics, clock, cancellationToken);
        return answer.Result switch
        {
            Ok<RecommendationResponse> next => next,
            ValidationProblem problem => problem,
            _ => throw new UnreachableException(),
        };
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
