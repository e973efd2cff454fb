namespace RecService.Api.Models;

/// <summary>Metrics on the holdout, of the fit that has not seen it, and what is to be told of the data.</summary>
/// <param name="HoldoutRows">Rows held out; 0 without a holdout.</param>
/// <param name="HoldoutShare">The share of rows, or of users, that the settings, or the number of users, made held out.</param>
/// <param name="Rmse">Root mean squared error (objective <c>rating</c>).</param>
/// <param name="Mae">Mean absolute error (objective <c>rating</c>).</param>
/// <param name="BaselineRmse">Root mean squared error of the mean training value.</param>
/// <param name="LogLoss">Log loss over held-out positives and sampled negatives (objective <c>implicit</c>).</param>
/// <param name="Auc">Area under the ROC curve over the same.</param>
/// <param name="RankedPairs">Held-out pairs of user and item that were ranked among the whole catalogue.</param>
/// <param name="HitRate10">Share of them that came among the first ten of what the user has not had, or, with objective <c>next</c> where users take
/// the same item again, of all items.</param>
/// <param name="Ndcg10">Normalised discounted cumulative gain at ten.</param>
/// <param name="PopularityHitRate10">The same for a ranking by popularity.</param>
/// <param name="PopularityNdcg10">The same for a ranking by popularity.</param>
/// <param name="HitRate10Interval">Objective <c>next</c>: where the hit rate lies for other users of the same kind, from and to (95 %).</param>
/// <param name="Ndcg10Interval">Objective <c>next</c>: the same of NDCG.</param>
/// <param name="Mrr">Objective <c>next</c>: the mean reciprocal rank among the whole catalogue.</param>
/// <param name="Coverage10">Objective <c>next</c>: the share of the catalogue that is among the first ten of any of the rankings.</param>
/// <param name="ItemKnnHitRate10">Objective <c>next</c>: the hit rate of a ranking by the items nearest to those of the user; null where these would
/// take too long to find.</param>
/// <param name="ItemKnnNdcg10">The same of NDCG.</param>
/// <param name="ServedHitRate10">The hit rate of the fit that the model being served came from, on the same rows; null when
/// there was none to compare with.</param>
/// <param name="ServedNdcg10">The same of NDCG.</param>
/// <param name="BiasRmse">Root mean squared error of the biases of user and item alone (objective <c>rating</c>).</param>
/// <param name="ServedRmse">That of the fit that the model being served came from, on the same rows; null when there was none to compare with.</param>
/// <param name="Clipped">How many numbers lie so far from the others that they were clipped, by attribute such as <c>user.attributes.age</c> or
/// <c>context.hour</c>: one for each user and item, and one for each row of a context. Only attributes that have some.</param>
/// <param name="MixedAttributes">Attributes that are numbers in one place and texts or booleans in another, and so are two features; null when there is
/// none.</param>
/// <param name="Warnings">What speaks against the model, such as that no epoch of the fit did better on the holdout than a constant (objectives
/// <c>rating</c> and <c>implicit</c>); null when nothing does.</param>
internal sealed record TrainingMetrics(
    int HoldoutRows,
    double? HoldoutShare = null,
    double? Rmse = null,
    double? Mae = null,
    double? BaselineRmse = null,
    double? LogLoss = null,
    double? Auc = null,
    int? RankedPairs = null,
    double? HitRate10 = null,
    double? Ndcg10 = null,
    double? PopularityHitRate10 = null,
    double? PopularityNdcg10 = null,
    double[]? HitRate10Interval = null,
    double[]? Ndcg10Interval = null,
    double? Mrr = null,
    double? Coverage10 = null,
    double? ItemKnnHitRate10 = null,
    double? ItemKnnNdcg10 = null,
    double? ServedHitRate10 = null,
    double? ServedNdcg10 = null,
    double? BiasRmse = null,
    double? ServedRmse = null,
    IReadOnlyDictionary<string, long>? Clipped = null,
    IReadOnlyList<string>? MixedAttributes = null,
    IReadOnlyList<string>? Warnings = null
);
