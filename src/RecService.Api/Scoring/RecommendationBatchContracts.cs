using System.ComponentModel.DataAnnotations;

namespace RecService.Api.Scoring;

/// <summary>Asks for recommendations for several users at once.</summary>
/// <param name="Requests">1 to 1,000 requests, each as it would be asked by itself. All together ask for at most 20,000 items, of which those with an
/// explanation count as ten.</param>
internal sealed record RecommendationBatchRequest([property: Required] RecommendationRequest[] Requests)
{
    public const int MaxCount = 1_000;
    public const int MaxItems = 20_000;

    /// <summary>An explanation has a part for each pair of fields and each earlier item.</summary>
    public const int ItemsPerExplanation = 10;
}

/// <summary>The answers to a batch, all by one model.</summary>
/// <param name="ModelVersion">The model that ranked; null when popularity did.</param>
/// <param name="Answers">An answer for each request, in their order.</param>
internal sealed record RecommendationBatchResponse(long? ModelVersion, IReadOnlyList<RecommendationBatchAnswer> Answers);

/// <summary>The answer to one request of a batch: a recommendation, or a problem.</summary>
/// <param name="UserId">The user that the request names.</param>
/// <param name="Recommendation">As the request would be answered by itself; null when it could not be answered.</param>
/// <param name="Problem">Why it could not be answered, by field; null when it was.</param>
internal sealed record RecommendationBatchAnswer(string? UserId, RecommendationResponse? Recommendation, HttpValidationProblemDetails? Problem);
