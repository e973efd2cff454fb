using System.Text.Json;

namespace RecService.Cli.Service;

internal sealed record UserLine(string UserId, IReadOnlyList<string> Tags, IReadOnlyDictionary<string, object> Attributes);

internal sealed record ItemLine(
    string ItemId,
    IReadOnlyList<string> Tags,
    IReadOnlyDictionary<string, object>? Attributes,
    IReadOnlyDictionary<string, object> Metadata
);

internal sealed record InteractionLine(
    string InteractionId,
    string UserId,
    string ItemId,
    string Type,
    double? Value,
    DateTimeOffset OccurredAt,
    IReadOnlyList<string>? Tags = null,
    IReadOnlyDictionary<string, object>? Context = null
);

internal sealed record InteractionBatch(IReadOnlyList<InteractionLine> Interactions);

internal sealed record WriteResult(long Accepted, long Duplicates, long Rejected, IReadOnlyList<WriteError>? Errors);

internal sealed record WriteError(long? Index, long? Line, string? Field, string? Reason);

internal sealed record TrainingRun(
    long RunId,
    string Status,
    string Objective,
    TrainingRows? Rows,
    IReadOnlyList<TrainingEpoch> Epochs,
    int? BestEpoch,
    IReadOnlyDictionary<string, JsonElement>? Metrics,
    long? ModelVersion,
    bool? Published,
    string? PublishReason,
    string? Error
);

internal sealed record TrainingRows(long Used, IReadOnlyDictionary<string, long>? Dropped);

internal sealed record TrainingEpoch(int Epoch, string Phase, double TrainLoss, double? HoldoutLoss, double Seconds, double? HoldoutNdcg);

internal sealed record RecommendationQuery(string UserId, IReadOnlyDictionary<string, string>? Context, int Count, IReadOnlyList<string> Include);

internal sealed record Recommendations(long? ModelVersion, string Source, IReadOnlyList<RecommendedItem> Items);

internal sealed record RecommendedItem(
    int Rank,
    string ItemId,
    double Score,
    double? Prediction,
    IReadOnlyList<string>? Tags,
    IReadOnlyDictionary<string, System.Text.Json.JsonElement>? Metadata,
    Explanation? Explanation
);

internal sealed record Explanation(
    double Bias,
    IReadOnlyList<LinearPart> Linear,
    IReadOnlyList<PairPart> Pairs,
    IReadOnlyList<BecausePart>? Because
);

internal sealed record BecausePart(string ItemId, double Value);

internal sealed record LinearPart(string Field, double Value);

internal sealed record PairPart(IReadOnlyList<string> Fields, double Value);

internal sealed record CrossFeaturesQuery(long ModelVersion, IReadOnlyList<CrossFeaturesRow> Rows);

internal sealed record CrossFeaturesRow(string UserId, string ItemId, IReadOnlyDictionary<string, string>? Context);

internal sealed record CrossFeatures(long ModelVersion, int Factors, IReadOnlyList<CrossFeatureVector> Rows);

internal sealed record CrossFeatureVector(double Bias, double Linear, IReadOnlyList<double> CrossVector, double Score);

/// <summary>RFC 9457 problem details, as far as they are shown.</summary>
internal sealed record Problem(string? Title, string? Detail, int? Status, string? TraceId, IReadOnlyDictionary<string, string[]>? Errors);
