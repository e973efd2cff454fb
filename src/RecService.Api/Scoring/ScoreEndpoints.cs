using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

internal static class ScoreEndpoints
{
    public static void MapScores(this IEndpointRouteBuilder endpoints) =>
        endpoints
            .MapPost("/v1/scores", ScoreAsync)
            .WithTags("Scoring")
            .WithName("scoreItems")
            .WithSummary("Score and rank the caller's own candidates")
            .Requires(Roles.Score)
            .WithDescription("Candidates are scored whether or not they are available or seen. Equal scores are ordered by id.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);

    private static async Task<Results<Ok<ScoreResponse>, ValidationProblem, ProblemHttpResult>> ScoreAsync(
        ScoreRequest request,
        Publisher publisher,
        ModelVersions versions,
        ScoringStore store,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var context = ScoringValidation.Context(request.Context, request.Tags, "", errors);
        ScoringValidation.Score(request, errors);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        var (found, availability) = await versions.FindAsync(request.ModelVersion, snapshot, cancellationToken);
        if (found is not { } model)
        {
            return ScoringProblems.NotAvailable(availability, request.ModelVersion);
        }

        var user = request.UserId is null ? null : await store.FindUserAsync(request.UserId, withSeenItems: false, cancellationToken);
        var row = RequestRows.ForRequest(model, user?.Features, context);
        var candidates = await CandidateScoring.CreateAsync(snapshot, model, request.ItemIds!, store, cancellationToken);
        var joined = new RowBuffer();
        var scored = request
            .ItemIds!.Select(itemId =>
            {
                candidates.Join(joined, row, itemId);
                return (ItemId: itemId, Score: model.Scorer.Score(joined.Row));
            })
            .OrderByDescending(s => s.Score)
            .ThenBy(s => s.ItemId, CodePointComparer.Instance)
            .ToList();
        return TypedResults.Ok(
            new ScoreResponse(
                model.Version,
                [
                    .. scored.Select(
                        (s, i) =>
                        {
                            candidates.Join(joined, row, s.ItemId);
                            return new ScoredItem(
                                i + 1,
                                s.ItemId,
                                s.Score,
                                model.Model.Predict(s.Score),
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
}
