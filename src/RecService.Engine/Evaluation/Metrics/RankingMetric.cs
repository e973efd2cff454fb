namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Where the relevant items of a query came among all that could be recommended.</summary>
public readonly ref struct RankedQuery
{
    /// <summary>Ranks of the relevant items that can be recommended, ascending from 1.</summary>
    public required ReadOnlySpan<int> Ranks { get; init; }

    /// <summary>Number of relevant items, those included that cannot be recommended.</summary>
    public required int Relevant { get; init; }
}

/// <summary>A measure of the ranking for one query. A metric is a class of its own, and a line in <see cref="RankingMetrics"/>.</summary>
public abstract class RankingMetric
{
    /// <summary>What reports call it, before @n where it is of the first n.</summary>
    public abstract string Name { get; }

    /// <summary>Whether it is of the first n items of a ranking, else of all.</summary>
    public virtual bool HasCutoff => true;

    /// <summary>The measure.</summary>
    /// <param name="query">The query.</param>
    /// <param name="cutoff">n; of no meaning to a metric of whole rankings.</param>
    public abstract double Of(in RankedQuery query, int cutoff);
}
