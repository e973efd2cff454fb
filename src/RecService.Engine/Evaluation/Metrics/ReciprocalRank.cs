namespace RecService.Engine.Evaluation.Metrics;

/// <summary>1/rank of the first relevant item in the whole ranking, 0 where none can be recommended; its mean is known as MRR.</summary>
public sealed class ReciprocalRank : RankingMetric
{
    /// <inheritdoc/>
    public override string Name => "mrr";

    /// <inheritdoc/>
    public override bool HasCutoff => false;

    /// <inheritdoc/>
    public override double Of(in RankedQuery query, int cutoff) => query.Ranks.IsEmpty ? 0 : 1.0 / query.Ranks[0];
}
