using System.ComponentModel.DataAnnotations;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Scoring;

/// <summary>Asks for the best items for a user and the circumstances.</summary>
/// <param name="UserId">The user, known or not; without one the circumstances alone count.</param>
/// <param name="Context">The circumstances by key: strings, numbers, booleans or arrays of strings.</param>
/// <param name="Tags">Tags that the request names; items that carry them are pulled.</param>
/// <param name="Count">How many items, 1 to 1,000; 10 when absent.</param>
/// <param name="Filter">Which items are allowed.</param>
/// <param name="Include">What to add to each item: <c>explanation</c>, <c>crossVector</c>.</param>
/// <param name="RecentItems">What was done just now, the newest last, such as in the session of a visitor without a name; at most as many as the
/// model's histories are long. They count as seen.</param>
/// <param name="HistoryMode">Whether <c>recentItems</c> <c>extend</c> what is stored of the user, as when absent, or <c>replace</c> it.</param>
/// <param name="Page">The <c>nextPage</c> of an answer to the same user, for the items that come next; the first page when absent.</param>
internal sealed record RecommendationRequest(
    string? UserId = null,
    Dictionary<string, AttributeValue>? Context = null,
    string[]? Tags = null,
    int? Count = null,
    ItemFilter? Filter = null,
    [property: AllowedValues(ScoreDetails.ExplanationPart, ScoreDetails.CrossVectorPart)] string[]? Include = null,
    RecentItem[]? RecentItems = null,
    [property: AllowedValues(Scoring.RecentItems.Extend, Scoring.RecentItems.Replace)] string? HistoryMode = null,
    string? Page = null
);

/// <summary>Something that was done just now.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Type">The type of the interaction, as the model weighs it; types that it does not know do not count. As much as the mean when
/// absent.</param>
/// <param name="OccurredAt">When it was done; just now, or just before the next one, when absent.</param>
internal sealed record RecentItem(string ItemId, string? Type = null, DateTimeOffset? OccurredAt = null);

/// <summary>Which items may be recommended. Absent parts allow everything.</summary>
/// <param name="AnyTags">Items that carry at least one of these tags.</param>
/// <param name="AllTags">Items that carry all of these tags.</param>
/// <param name="NoTags">Items that carry none of these tags.</param>
/// <param name="ItemIds">These items only.</param>
/// <param name="ExcludeItemIds">Not these items.</param>
/// <param name="ExcludeSeen">Not the items that the user has seen; true when absent. What the user dislikes is left out in any case.</param>
/// <param name="SeenTypes">By which types of interactions an item counts as seen; by those of positive weight when absent, unless
/// <c>Scoring:SeenTypes</c> names others.</param>
/// <param name="SeenWithin">For how long an item counts as seen, as [days.]hours:minutes:seconds; for ever when absent, unless
/// <c>Scoring:SeenWithin</c> is set.</param>
internal sealed record ItemFilter(
    string[]? AnyTags = null,
    string[]? AllTags = null,
    string[]? NoTags = null,
    string[]? ItemIds = null,
    string[]? ExcludeItemIds = null,
    bool? ExcludeSeen = null,
    string[]? SeenTypes = null,
    string? SeenWithin = null
);

/// <summary>Ranked items.</summary>
/// <param name="RecommendationId">Echo it in the interactions that follow from this answer.</param>
/// <param name="ModelVersion">The model that ranked; null when popularity did.</param>
/// <param name="Source"><c>model</c>, or <c>popularity</c> before the first model.</param>
/// <param name="Items">The items, best first.</param>
/// <param name="Degraded">What the answer does without, as the database was away: <c>userFeatures</c> (users count by their ids alone),
/// <c>seenItems</c> (not left out, nor is what the user dislikes), <c>history</c> (what the user did does not count), <c>items</c> (as of the snapshot, without metadata; unknown to
/// it: not known at all). Empty when all is well.</param>
/// <param name="Personalization">What the ranking rests on: <c>history</c>, what the user did before; <c>attributes</c>, what else is known of the
/// user; <c>context</c>, the circumstances alone; or <c>none</c> of them.</param>
/// <param name="UserKnown">Whether the user is known; null while the database is away.</param>
/// <param name="UnknownItems">The ids of recent items that are not known, and do not count.</param>
/// <param name="NextPage">To be sent as <c>page</c> for the items that come next; null when there are no more, after 1,000 items, and of
/// <c>listNextItems</c>.</param>
internal sealed record RecommendationResponse(
    string RecommendationId,
    long? ModelVersion,
    [property: AllowedValues(ModelRanking.SourceName, CountRanking.SourceName)] string Source,
    IReadOnlyList<RecommendedItem> Items,
    IReadOnlyList<string> Degraded,
    [property: AllowedValues(RequestRow.ByHistory, RequestRow.ByAttributes, RequestRow.ByContext, RequestRow.ByNothing)] string Personalization,
    bool? UserKnown,
    IReadOnlyList<string> UnknownItems,
    string? NextPage
);

/// <summary>A recommended item.</summary>
/// <param name="Rank">From 1 on the first page, and on from page to page.</param>
/// <param name="ItemId">The item.</param>
/// <param name="Score">The model's score before the link function; the number of users when popularity ranks.</param>
/// <param name="Prediction">The probability, or the rating clipped to the range seen in training; null when popularity ranks, and of objective
/// <c>next</c>, whose scores compare within one request.</param>
/// <param name="Tags">The item's tags.</param>
/// <param name="Metadata">The item's metadata, as stored.</param>
/// <param name="Explanation">The parts of the score, when asked for.</param>
/// <param name="CrossVector">The cross vector of user, circumstances and item, when asked for.</param>
internal sealed record RecommendedItem(
    int Rank,
    string ItemId,
    float Score,
    float? Prediction,
    IReadOnlyList<string> Tags,
    RawJsonObject? Metadata,
    Explanation? Explanation,
    float[]? CrossVector
)
{
    public static RecommendedItem From(Candidate candidate, ScoreDetails? details) =>
        new(
            candidate.Rank,
            candidate.Item.ItemId,
            candidate.Ranked.Score,
            details?.Prediction,
            candidate.Stored.Facts.Tags,
            candidate.Stored.Metadata,
            details?.Explanation,
            details?.CrossVector
        );
}

/// <summary>Items like an item.</summary>
/// <param name="ModelVersion">The model whose vectors were compared.</param>
/// <param name="Items">The items, most similar first.</param>
/// <param name="Degraded">What the answer does without, as the database was away: <c>seenItems</c> (not left out, nor is what the user dislikes),
/// <c>items</c> (as of the snapshot, without metadata). Empty when all is well.</param>
internal sealed record SimilarItemsResponse(long ModelVersion, IReadOnlyList<SimilarItem> Items, IReadOnlyList<string> Degraded);

/// <summary>An item like another.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="ItemId">The item.</param>
/// <param name="Similarity">The cosine of the two items' vectors, −1 to 1.</param>
/// <param name="Tags">The item's tags.</param>
/// <param name="Metadata">The item's metadata, as stored.</param>
internal sealed record SimilarItem(int Rank, string ItemId, float Similarity, IReadOnlyList<string> Tags, RawJsonObject? Metadata)
{
    public static SimilarItem From(Candidate candidate) =>
        new(candidate.Rank, candidate.Item.ItemId, candidate.Ranked.Score, candidate.Stored.Facts.Tags, candidate.Stored.Metadata);
}

/// <summary>Popular items.</summary>
/// <param name="Items">The items, most users first.</param>
/// <param name="Degraded">What the answer does without, as the database was away: <c>trend</c> (users of any time are counted; also while it counts
/// for others), <c>seenItems</c> (not left out, nor is what the user dislikes), <c>items</c> (as of the snapshot, without metadata). Empty when all is
/// well.</param>
internal sealed record PopularItemsResponse(IReadOnlyList<PopularItem> Items, IReadOnlyList<string> Degraded);

/// <summary>A popular item.</summary>
/// <param name="Rank">From 1; equal numbers are ordered by id.</param>
/// <param name="ItemId">The item.</param>
/// <param name="Users">Of how many users it has a positive interaction, since the time that was asked for.</param>
/// <param name="Tags">The item's tags.</param>
/// <param name="Metadata">The item's metadata, as stored.</param>
internal sealed record PopularItem(int Rank, string ItemId, int Users, IReadOnlyList<string> Tags, RawJsonObject? Metadata)
{
    public static PopularItem From(Candidate candidate, int users) =>
        new(candidate.Rank, candidate.Item.ItemId, users, candidate.Stored.Facts.Tags, candidate.Stored.Metadata);
}
