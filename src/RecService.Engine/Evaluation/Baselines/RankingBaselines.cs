namespace RecService.Engine.Evaluation.Baselines;

/// <summary>The baselines. Commands have those whose needs are met.</summary>
public static class RankingBaselines
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<RankingBaseline> All { get; } =
        [RankingBaseline.Of<PopularityRanker>(), RankingBaseline.Of<ItemKnnRanker>(), RankingBaseline.Of<BiasBaseline>()];

    /// <summary>Those that need nothing else than what is given.</summary>
    public static IEnumerable<RankingBaseline> With(BaselineNeeds given) => All.Where(baseline => given.HasFlag(baseline.Needs));
}
