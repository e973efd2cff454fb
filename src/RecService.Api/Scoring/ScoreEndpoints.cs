using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

internal static class ScoreEndpoints
{
    public static IEndpointRouteBuilder MapScoreEndpoints(this IEndpointRouteBuilder routes)
    {
        routes
            .MapPost("/v1/scores", ScoreAsync)
            .WithTags("Scoring")
            .WithName("scoreItems")
            .WithSummary("Score and rank the caller's own candidates")
            .Requires(Roles.Score)
            .WithDescription("Candidates are scored whether or not they are available or seen. Equal scores are ordered by id.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);
        return routes;
    }

    public static async Task<Results<Ok<ScoreResponse>, ValidationProblem, ProblemHttpResult>> ScoreAsync(
        ScoreRequest request,
        Publisher publisher,
        ModelVersions versions,
        StoreReader store,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        RequestValidation.Candidates(errors, "itemIds", request.ItemIds);
        RequestValidation.Id(errors, "userId", request.UserId);
        RequestValidation.Include(errors, request.Include);
        RecentItems.Check(errors, request.RecentItems, request.HistoryMode);
        var context = RequestValidation.Context(errors, "", request.Context, request.Tags);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        var (found, availability) = await versions.FindAsync(request.ModelVersion, snapshot, cancellationToken);
        if (found is not { } model)
        {
            return ModelProblems.NotAvailable(availability, request.ModelVersion);
        }

        var history = model.Model.History;
        if (RecentItems.TooMany(request.RecentItems, history) is { } reason)
        {
            return Problems.Invalid("recentItems", reason);
        }

        var now = clock.GetUtcNow();
        var recent = (await RecentItems.FindAsync(snapshot, [(request.RecentItems, request.HistoryMode)], store, cancellationToken))[0];
        var user = request.UserId is null
            ? null
            : await store.FindUserAsync(request.UserId, recent.Replaces ? null : history, cancellationToken);
        var events = recent.After(user?.History ?? [], history, now);
        var pooling = await RequestPooling.CreateAsync(snapshot, model, events, store, now, cancellationToken);
        var row = RequestRows.ForRequest(model, user?.Features, context, pooling.Pool(events));
        var candidates = await NamedItems.CreateAsync(snapshot, model, request.ItemIds, store, cancellationToken);
        var joined = new RowBuffer();
        var ranked = request
            .ItemIds.Select(itemId =>
            {
                candidates.Join(joined, row, itemId);
                return (ItemId: itemId, Score: model.Scorer.Score(joined.Row));
            })
            .OrderByDescending(candidate => candidate.Score)
            .ThenBy(candidate => candidate.ItemId, CodePointComparer.Instance);
        var items = new List<ScoredItem>(request.ItemIds.Length);
        foreach (var (itemId, score) in ranked)
        {
            candidates.Join(joined, row, itemId);
            var (prediction, explanation, crossVector) = ScoreDetails.Of(
                model,
                joined.Row,
                score,
                request.Include,
                row.History,
                candidates.RowOf(itemId).Row
            );
            items.Add(new(items.Count + 1, itemId, score, prediction, explanation, crossVector));
        }

        return TypedResults.Ok(new ScoreResponse(model.Version, items, store.Missing, recent.Unknown));
    }
}
