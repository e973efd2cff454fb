namespace RecService.Engine.Evaluation.Metrics;

/// <summary>The metrics of rankings. Reports have all of them, and the coverage of the catalogue.</summary>
public static class RankingMetrics
{
    /// <inheritdoc cref="Metrics.HitRate"/>
    public static RankingMetric HitRate { get; } = new HitRate();

    /// <inheritdoc cref="DiscountedGain"/>
    public static RankingMetric Ndcg { get; } = new DiscountedGain();

    /// <inheritdoc cref="Metrics.Recall"/>
    public static RankingMetric Recall { get; } = new Recall();

    /// <inheritdoc cref="ReciprocalRank"/>
    public static RankingMetric Mrr { get; } = new ReciprocalRank();

    /// <summary>All of them, in the order of reports.</summary>
    public static IReadOnlyList<RankingMetric> All { get; } = [HitRate, Ndcg, Recall, Mrr];
}
