using RecService.Api.Domain;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>A request for recommendations whose fields are right.</summary>
/// <param name="Request">The request.</param>
/// <param name="Count">How many items.</param>
/// <param name="Context">The circumstances.</param>
/// <param name="Filter">Which items are allowed, but for what the user has seen.</param>
/// <param name="Seen">Which items count as seen.</param>
/// <param name="Served">What former pages have shown.</param>
internal sealed record CheckedRequest(
    RecommendationRequest Request,
    int Count,
    EntityFeatures Context,
    CandidateFilter Filter,
    SeenRule Seen,
    ServedItems Served
)
{
    /// <summary>Whether the pages before were ranked as this one will be.</summary>
    public bool GoesOnBy(long? modelVersion) => ReferenceEquals(Served, ServedItems.None) || Served.ModelVersion == modelVersion;


    /// <summary>The request, if it adds no error.</summary>
    /// <param name="errors">Takes what is wrong with it.</param>
    /// <param name="request">The request.</param>
    /// <param name="seenRules">What makes the rules of what counts as seen.</param>
    /// <param name="history">What the model makes of histories; null for nothing.</param>
    public static CheckedRequest? Check(FieldErrors errors, RecommendationRequest request, SeenRules seenRules, HistorySettings? history)
    {
        var count = request.Count ?? RequestValidation.DefaultCount;
        RequestValidation.Count(errors, count);
        RequestValidation.Id(errors, "userId", request.UserId);
        RequestValidation.Include(errors, request.Include);
        var context = RequestValidation.Context(errors, "", request.Context, request.Tags);
        var filter = CandidateFilter.Compile(errors, "filter.", request.Filter);
        var seen = seenRules.Compile(errors, "filter.", request.Filter);
        RecentItems.Check(errors, request.RecentItems, request.HistoryMode);
        errors.Check("recentItems", RecentItems.TooMany(request.RecentItems, history));
        var served = request.Page is null ? ServedItems.None : ServedItems.Read(request.Page, request.UserId);
        errors.Check("page", served is null ? ServedItems.NotOurs : null);
        return errors.Any ? null : new(request, Math.Min(count, ServedItems.Deepest - served!.ItemKeys.Count), context, filter, seen, served);
    }
}
