using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Engine.Data;

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
                    + "While the database is away, the snapshot answers, and `degraded` says what it could not know. "
                    + $"`nextPage`, sent back as `page`, goes on with the list, {ServedItems.Deepest:N0} items deep: by what counts then, such as what the user has done meanwhile, without the items that "
                    + "the former pages showed, and by the same model only. With everything as it was, the pages are one list."
            )
            .ProducesValidationProblem(StatusCodes.Status410Gone)
            .WaitsForRanking();
        routes
            .MapGet("/v1/recommendations/popular", PopularAsync)
            .WithTags("Scoring")
            .WithName("listPopularItems")
            .WithSummary("List the most popular items")
            .Requires(Roles.Score)
            .WithDescription(
                "By the number of users of whom an item has a positive interaction: at any time, or from the minute of `since` on, which are counted at "
                    + "most a minute ago. With `userId`, what the user has seen or dislikes is left out."
            )
            .WithTimes();
        routes
            .MapGet("/v1/items/{itemId}/similar", SimilarAsync)
            .WithTags("Scoring")
            .WithName("listSimilarItems")
            .WithSummary("List items like an item")
            .Requires(Roles.Score)
            .WithDescription(
                "By the cosine of the vectors that the model has learned for the items and their tags. With `userId`, what the user has seen or "
                    + "dislikes is left out."
            )
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
                    + "before the first model. A model without histories makes nothing of the item. With `userId`, what the user has seen or dislikes is "
                    + "left out; else the user does not count."
            )
            .ProducesProblem(StatusCodes.Status404NotFound)
            .WaitsForRanking();
        return routes;
    }

    public static async Task<Results<Ok<RecommendationResponse>, ValidationProblem, ProblemHttpResult>> RecommendAsync(
        RecommendationRequest request,
        [AsParameters] RankingServices services,
        CancellationToken cancellationToken
    )
    {
        var (errors, snapshot) = (new FieldErrors(), services.Publisher.Current);
        if (CheckedRequest.Check(errors, request, services.SeenRules, snapshot.Model?.Model.History) is not { } asked)
        {
            return errors.ToProblem();
        }

        return asked.GoesOnBy(snapshot.Model?.Version)
            ? TypedResults.Ok((await Recommendations.AnswerAsync(services, snapshot, [asked], cancellationToken))[0])
            : TypedResults.Problem(ModelProblems.PageGone());
    }

    public static async Task<Results<Ok<RecommendationResponse>, ValidationProblem, ProblemHttpResult>> NextAsync(
        ExternalId itemId,
        [AsParameters] ItemListQuery query,
        [AsParameters] RankingServices services,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var complete = query.Compile(errors, services.SeenRules);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = services.Publisher.Current;
        var recent = (await RecentItems.FindAsync(snapshot, [([new(itemId.Value)], null)], services.Store, cancellationToken))[0];
        if (recent.Unknown.Count > 0)
        {
            return Problems.NotFound("item", itemId.Value);
        }

        var filter = (await complete(services.Store, cancellationToken)).Without([.. recent.SeenKeys]);
        var subject = new Recommendations.Subject(
            User: null,
            EntityFeatures.None,
            recent,
            filter,
            query.HowMany,
            Include: null,
            query.UserId,
            Served: null
        );
        var answer = (await Recommendations.RankAsync(services, snapshot, [subject], cancellationToken))[0];
        services.Metrics.Recommended(answer.Source);
        return TypedResults.Ok(answer);
    }

    private static async Task<Results<Ok<PopularItemsResponse>, ValidationProblem>> PopularAsync(
        [AsParameters] ItemListQuery query,
        string? since,
        [AsParameters] RankingServices services,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var complete = query.Compile(errors, services.SeenRules);
        var from = TimeParameters.Read(errors, "since", since);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var catalog = services.Publisher.Current.Catalog;
        CountRanking ranking = from is null ? new PopularityRanking(catalog) : await TrendAsync(services, catalog, from.Value, cancellationToken);
        var filter = await complete(services.Store, cancellationToken);
        var popular = await services.Recommender.TopAsync(ranking, filter, query.HowMany, cancellationToken);
        return TypedResults.Ok(
            new PopularItemsResponse(
                [.. popular.Select(candidate => PopularItem.From(candidate, ranking.UsersOf(candidate.Ranked.Item)))],
                services.Store.Missing
            )
        );
    }

    private static async Task<CountRanking> TrendAsync(
        RankingServices services,
        ItemCatalog catalog,
        DateTimeOffset since,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return new TrendRanking(catalog, await services.Trends.ReadAsync(since, cancellationToken));
        }
        catch (DatabaseAwayException)
        {
            services.Store.Miss(StoreReader.Trend);
            return new PopularityRanking(catalog);
        }
    }

    public static async Task<Results<Ok<SimilarItemsResponse>, ValidationProblem, ProblemHttpResult>> SimilarAsync(
        ExternalId itemId,
        [AsParameters] ItemListQuery query,
        [AsParameters] RankingServices services,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var complete = query.Compile(errors, services.SeenRules);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var (store, snapshot) = (services.Store, services.Publisher.Current);
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
        var similar = await services.Recommender.TopAsync(ranking, await complete(store, cancellationToken), query.HowMany, cancellationToken);
        return TypedResults.Ok(new SimilarItemsResponse(model.Version, [.. similar.Select(SimilarItem.From)], store.Missing));
    }
}
