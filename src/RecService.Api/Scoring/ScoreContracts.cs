using System.ComponentModel.DataAnnotations;
using RecService.Api.Domain;

namespace RecService.Api.Scoring;

/// <summary>Asks for the scores of the caller's own candidates.</summary>
/// <param name="ModelVersion">The model to score with: the served one or a pinned one; the served one when absent.</param>
/// <param name="UserId">The user, known or not.</param>
/// <param name="Context">The circumstances by key: strings, numbers, booleans or arrays of strings.</param>
/// <param name="Tags">Tags that the request names.</param>
/// <param name="ItemIds">The candidates, 1 to 10,000 distinct ids; items that nobody knows are scored from what is known of the rest.</param>
/// <param name="Include">What to add to each item: <c>explanation</c>, <c>crossVector</c>.</param>
/// <param name="RecentItems">What was done just now, the newest last; at most as many as the model's histories are long.</param>
/// <param name="HistoryMode">Whether <c>recentItems</c> <c>extend</c> what is stored of the user, as when absent, or <c>replace</c> it.</param>
internal sealed record ScoreRequest(
    string[] ItemIds,
    string? UserId = null,
    Dictionary<string, AttributeValue>? Context = null,
    string[]? Tags = null,
    [property: AllowedValues(ScoreDetails.ExplanationPart, ScoreDetails.CrossVectorPart)] string[]? Include = null,
    long? ModelVersion = null,
    RecentItem[]? RecentItems = null,
    [property: AllowedValues(Scoring.RecentItems.Extend, Scoring.RecentItems.Replace)] string? HistoryMode = null
);

/// <summary>Scored candidates.</summary>
/// <param name="ModelVersion">The model that scored.</param>
/// <param name="Items">The candidates, best first.</param>
/// <param name="Degraded">What the answer does without, as the database was away: <c>userFeatures</c> (users count by their ids alone),
/// <c>seenItems</c> (not left out), <c>history</c> (what the user did does not count), <c>items</c> (as of the snapshot, without metadata; unknown to
/// it: not known at all). Empty when all is well.</param>
/// <param name="UnknownItems">The ids of recent items that are not known, and do not count.</param>
internal sealed record ScoreResponse(
    long ModelVersion,
    IReadOnlyList<ScoredItem> Items,
    IReadOnlyList<string> Degraded,
    IReadOnlyList<string> UnknownItems
);

/// <summary>A scored candidate.</summary>
/// <param name="Rank">From 1; equal scores are ordered by id.</param>
/// <param name="ItemId">The candidate.</param>
/// <param name="Score">The score before the link function.</param>
/// <param name="Prediction">The probability, or the rating clipped to the range seen in training; null of objective <c>next</c>, whose scores compare
/// within one request.</param>
/// <param name="Explanation">The parts of the score, when asked for.</param>
/// <param name="CrossVector">The cross vector, when asked for.</param>
internal sealed record ScoredItem(int Rank, string ItemId, float Score, float? Prediction, Explanation? Explanation, float[]? CrossVector);

/// <summary>The parts of a score: bias + Σ linear + Σ pairs = score.</summary>
/// <param name="Bias">The global bias.</param>
/// <param name="Linear">What the linear weights of each field add.</param>
/// <param name="Pairs">What the crossing of two fields adds; in a plain model also of a field with itself.</param>
/// <param name="Because">What each earlier item of the history adds by crossing with the item, most first: in sum the pairs of <c>history</c> and
/// <c>history.recent</c> with the item's fields. Empty without a history.</param>
internal sealed record Explanation(float Bias, IReadOnlyList<LinearPart> Linear, IReadOnlyList<PairPart> Pairs, IReadOnlyList<BecausePart> Because);

/// <summary>What an earlier item adds to a score.</summary>
/// <param name="ItemId">The item of the history.</param>
/// <param name="Value">What it and its tags add.</param>
internal sealed record BecausePart(string ItemId, float Value);

/// <summary>What the linear weights of a field add to a score.</summary>
/// <param name="Field">The field.</param>
/// <param name="Value">The sum of its weights times values.</param>
internal sealed record LinearPart(string Field, float Value);

/// <summary>What the crossing of two fields adds to a score.</summary>
/// <param name="Fields">The two fields.</param>
/// <param name="Value">The inner product of their pooled vectors.</param>
internal sealed record PairPart(string[] Fields, float Value);
