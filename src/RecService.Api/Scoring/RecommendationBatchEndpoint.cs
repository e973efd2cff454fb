using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

internal static class RecommendationBatchEndpoint
{
    private const string ListName = "requests";

    public static IEndpointRouteBuilder MapRecommendationBatchEndpoint(this IEndpointRouteBuilder routes)
    {
        routes
            .MapPost("/v1/recommendations/batch", RecommendAsync)
            .WithTags("Scoring")
            .WithName("recommendBatch")
            .WithSummary("Recommend items for several users")
            .Requires(Roles.Score)
            .WithDescription(
                "Each request is answered as it would be by itself, all by the same model, in one go through the database; one that is invalid has a problem for an "
                    + "answer and spoils no other. A batch counts as many requests against the limit of its key, at most as those that may come at once, and takes "
                    + "a place of those that are worked on for every 50 of them. Reading from the database may take as long in all as for one request."
            )
            .Accepts<RecommendationBatchRequest>("application/json")
            .CountsAsSeveral()
            .WaitsForRanking();
        return routes;
    }

    private static async Task<Results<Ok<RecommendationBatchResponse>, ValidationProblem, ProblemHttpResult>> RecommendAsync(
        HttpContext http,
        [AsParameters] RankingServices services,
        LoadLimits load,
        CancellationToken cancellationToken
    )
    {
        using var body = await JsonDocument.ParseAsync(http.Request.Body, ApiJson.DocumentOptions, cancellationToken);
        var errors = new FieldErrors();
        if (JsonElements.List(errors, body.RootElement, ListName, RecommendationBatchRequest.MaxCount) is not { } list)
        {
            return errors.ToProblem();
        }

        if (await load.EnterAsync(http, list.GetArrayLength()) is { } refusal)
        {
            return refusal;
        }

        var snapshot = services.Publisher.Current;
        var history = snapshot.Model?.Model.History;
        var answers = new RecommendationBatchAnswer[list.GetArrayLength()];
        var (asked, places) = (new List<CheckedRequest>(), new List<int>());
        foreach (var (place, element) in list.EnumerateArray().Index())
        {
            var own = new FieldErrors();
            var request = JsonElements.Read<RecommendationRequest>(own, element);
            var valid = request is null ? null : CheckedRequest.Check(own, request, services.SeenRules, history);
            if (valid?.GoesOnBy(snapshot.Model?.Version) == true)
            {
                asked.Add(valid);
                places.Add(place);
            }
            else
            {
                answers[place] = new(request?.UserId, Recommendation: null, valid is null ? own.ToProblem().ProblemDetails : ModelProblems.PageGone());
            }
        }

        CheckSize(errors, asked, history);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        services.Store.ShareTime();
        var recommendations = await Recommendations.AnswerAsync(services, snapshot, asked, cancellationToken);
        foreach (var (i, place) in places.Index())
        {
            answers[place] = new(asked[i].Request.UserId, recommendations[i], Problem: null);
        }

        return TypedResults.Ok(new RecommendationBatchResponse(snapshot.Model?.Version, answers));
    }

    private static void CheckSize(FieldErrors errors, List<CheckedRequest> asked, HistorySettings? history)
    {
        if (asked.Sum(SizeOf) > RecommendationBatchRequest.MaxItems)
        {
            errors.Add(
                ListName,
                $"must ask for at most {RecommendationBatchRequest.MaxItems} items in all, of which those with an explanation count as "
                    + $"{RecommendationBatchRequest.ItemsPerExplanation}"
            );
        }

        if (StoreReader.TooManyHistories(asked.Count(request => request.Request.UserId is not null), history) is { } reason)
        {
            errors.Add(ListName, reason);
        }
    }

    private static int SizeOf(CheckedRequest asked) =>
        asked.Request.Include?.Contains(ScoreDetails.ExplanationPart, StringComparer.Ordinal) == true
            ? asked.Count * RecommendationBatchRequest.ItemsPerExplanation
            : asked.Count;
}
