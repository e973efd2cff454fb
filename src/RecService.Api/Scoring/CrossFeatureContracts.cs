using RecService.Api.Domain;

namespace RecService.Api.Scoring;

/// <summary>Asks for cross-feature vectors.</summary>
/// <param name="ModelVersion">The model to use: the served one or a pinned one; the served one when absent. A downstream model names the version it
/// was trained on.</param>
/// <param name="Rows">1 to 10,000 rows.</param>
internal sealed record CrossFeatureRequest(CrossFeatureInput[] Rows, long? ModelVersion = null);

/// <summary>What a vector is asked for. Every part may be absent.</summary>
/// <param name="UserId">The user.</param>
/// <param name="ItemId">The item, with its tags and attributes as stored.</param>
/// <param name="Tags">Tags of the circumstances.</param>
/// <param name="Context">The circumstances by key: strings, numbers, booleans or arrays of strings.</param>
internal sealed record CrossFeatureInput(
    string? UserId = null,
    string? ItemId = null,
    string[]? Tags = null,
    Dictionary<string, AttributeValue>? Context = null
);

/// <summary>Cross-feature vectors.</summary>
/// <param name="ModelVersion">The model that they come from; another version has another basis.</param>
/// <param name="Factors">The length k of each vector.</param>
/// <param name="Fields">The fields, in the order of pooled vectors.</param>
/// <param name="Rows">One answer a row, in the order of the request.</param>
/// <param name="Degraded">What the answer does without, as the database was away: <c>userFeatures</c> (users count by their ids alone),
/// <c>seenItems</c> (not left out), <c>history</c> (what the user did does not count), <c>items</c> (as of the snapshot, without metadata; unknown to
/// it: not known at all). Empty when all is well.</param>
internal sealed record CrossFeatureResponse(
    long ModelVersion,
    int Factors,
    IReadOnlyList<string> Fields,
    IReadOnlyList<CrossFeatures> Rows,
    IReadOnlyList<string> Degraded
);

/// <summary>The vectors of a row: score = bias + linear + Σ crossVector.</summary>
/// <param name="Bias">The global bias.</param>
/// <param name="Linear">The sum of linear weights times values.</param>
/// <param name="CrossVector">The k cross features, before they are summed.</param>
/// <param name="Pooled">The pooled vector of each field, k numbers each.</param>
/// <param name="Score">The score before the link function.</param>
/// <param name="Prediction">The probability, or the rating clipped to the range seen in training; null of objective <c>next</c>, whose scores compare
/// within one request.</param>
internal sealed record CrossFeatures(
    float Bias,
    float Linear,
    float[] CrossVector,
    IReadOnlyDictionary<string, float[]> Pooled,
    float Score,
    float? Prediction
);
