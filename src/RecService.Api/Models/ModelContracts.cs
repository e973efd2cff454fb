using System.ComponentModel.DataAnnotations;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Models;

/// <summary>A model of the registry.</summary>
/// <param name="Version">The version, as answers name it.</param>
/// <param name="RunId">The training run that it came from.</param>
/// <param name="CreatedAt">When it was stored.</param>
/// <param name="Objective"><c>rating</c>, <c>implicit</c> or <c>next</c>.</param>
/// <param name="Interaction">Which features cross: <c>fieldPooled</c>, <c>plain</c> or <c>fieldWeighted</c>.</param>
/// <param name="Factors">The length k of factors and cross vectors.</param>
/// <param name="Settings">The settings that it was trained with.</param>
/// <param name="Metrics">Metrics on the holdout; null when nothing was held out.</param>
/// <param name="SizeBytes">The size of its file.</param>
/// <param name="Sha256">The SHA-256 of its file, in hexadecimal.</param>
/// <param name="Active">Whether it is the one to be served.</param>
/// <param name="Pinned">Whether it is kept loadable for requests that name it.</param>
/// <param name="Pruned">Whether its file has been removed.</param>
internal sealed record ModelResponse(
    long Version,
    long RunId,
    DateTimeOffset CreatedAt,
    [property: AllowedValues("rating", "implicit", "next")] string Objective,
    [property: AllowedValues("fieldPooled", "plain", "fieldWeighted")] string Interaction,
    int Factors,
    TrainingRunSettings Settings,
    TrainingMetrics? Metrics,
    long SizeBytes,
    string Sha256,
    bool Active,
    bool Pinned,
    bool Pruned
)
{
    public static ModelResponse From(StoredModel model, bool isActive) =>
        new(
            model.Version,
            model.RunId,
            model.CreatedAt,
            model.Objective,
            model.Interaction,
            model.Factors,
            TrainingRunSettings.From(model.Settings),
            RunJson.Read<TrainingMetrics>(model.Metrics),
            model.SizeBytes,
            Convert.ToHexStringLower(model.Sha256),
            isActive,
            model.PinnedAt is not null,
            model.PrunedAt is not null
        );
}

/// <summary>A page of models, newest first.</summary>
/// <param name="Models">The models.</param>
/// <param name="NextCursor">Where the next page starts; null on the last one.</param>
internal sealed record ModelPage(IReadOnlyList<ModelResponse> Models, string? NextCursor);
