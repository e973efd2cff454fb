namespace RecService.Engine.Evaluation.Metrics;

/// <summary>HR@n: whether a relevant item is among the first n.</summary>
public sealed class HitRate : RankingMetric
{
    /// <inheritdoc/>
    public override string Name => "hr";

    /// <inheritdoc/>
    public override double Of(in RankedQuery query, int cutoff) => !query.Ranks.IsEmpty && query.Ranks[0] <= cutoff ? 1 : 0;
}
