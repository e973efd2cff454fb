using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>Whom and when items are recommended for, as far as it is known.</summary>
/// <param name="User">The features of the user; null for none that the store knows.</param>
/// <param name="Context">The circumstances.</param>
internal sealed record RecommendationSubject(EntityFeatures? User, EntityFeatures Context);

/// <summary>What recommendations can be ranked by.</summary>
internal static class RecommendationSources
{
    // First choice first; the last one always can.
    private static readonly Func<Snapshot, RecommendationSubject, Ranking?>[] InOrder = [ByModel, ByPopularity];

    /// <summary>The ranking by the first source that can be had.</summary>
    public static Ranking Rank(Snapshot snapshot, RecommendationSubject subject) =>
        InOrder.Select(source => source(snapshot, subject)).OfType<Ranking>().First();

    private static ModelRanking? ByModel(Snapshot snapshot, RecommendationSubject subject) =>
        snapshot.Model is { } model ? new(snapshot.Catalog, model, RequestRows.ForRequest(model, subject.User, subject.Context)) : null;

    private static PopularityRanking ByPopularity(Snapshot snapshot, RecommendationSubject subject) => new(snapshot.Catalog);
}
