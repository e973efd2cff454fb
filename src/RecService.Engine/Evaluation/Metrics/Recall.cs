namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Recall@n: the share of the relevant items that are among the first n.</summary>
public sealed class Recall : RankingMetric
{
    /// <inheritdoc/>
    public override string Name => "recall";

    /// <inheritdoc/>
    public override double Of(in RankedQuery query, int cutoff)
    {
        var hits = 0;
        while (hits < query.Ranks.Length && query.Ranks[hits] <= cutoff)
        {
            hits++;
        }

        return (double)hits / query.Relevant;
    }
}
