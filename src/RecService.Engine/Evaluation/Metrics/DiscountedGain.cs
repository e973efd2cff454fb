namespace RecService.Engine.Evaluation.Metrics;

/// <summary>
/// NDCG@n: the normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002) with binary relevance, Σ 1/log2(1 + rank) over the relevant
/// items among the first n, divided by the most it can be, Σ_{r ≤ min(n, relevant items)} 1/log2(1 + r).
/// </summary>
public sealed class DiscountedGain : RankingMetric
{
    /// <inheritdoc/>
    public override string Name => "ndcg";

    /// <inheritdoc/>
    public override double Of(in RankedQuery query, int cutoff)
    {
        var (gain, ideal) = (0.0, 0.0);
        foreach (var rank in query.Ranks)
        {
            if (rank <= cutoff)
            {
                gain += Gain(rank);
            }
        }

        for (var rank = 1; rank <= Math.Min(cutoff, query.Relevant); rank++)
        {
            ideal += Gain(rank);
        }

        return gain / ideal;
    }

    private static double Gain(int rank) => 1 / Math.Log2(1 + rank);
}
