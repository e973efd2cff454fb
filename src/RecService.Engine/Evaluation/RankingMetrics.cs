namespace RecService.Engine.Evaluation;

/// <summary>
/// Where held-out items came in the rankings of a catalogue. A mean counts every query alike, so that a user weighs as many as they have queries.
/// </summary>
public sealed class RankingMetrics
{
    private readonly int[] _cutoffs;
    private readonly UserMean[] _hitRates;
    private readonly UserMean[] _ndcgs;
    private readonly UserMean[] _recalls;
    private readonly CatalogueCoverage[] _coverages;

    internal RankingMetrics(
        int queries,
        int[] cutoffs,
        UserMean mrr,
        UserMean[] hitRates,
        UserMean[] ndcgs,
        UserMean[] recalls,
        CatalogueCoverage[] coverages
    )
    {
        Queries = queries;
        Mrr = mrr;
        _cutoffs = cutoffs;
        _hitRates = hitRates;
        _ndcgs = ndcgs;
        _recalls = recalls;
        _coverages = coverages;
    }

    /// <summary>Number of queries measured.</summary>
    public int Queries { get; }

    /// <summary>The lengths n of the lists measured, ascending.</summary>
    public IReadOnlyList<int> Cutoffs => _cutoffs;

    /// <summary>Mean reciprocal rank: mean of 1/rank of the first relevant item in the whole ranking, 0 where none can be recommended.</summary>
    public UserMean Mrr { get; }

    /// <summary>HR@n: share of the queries with a relevant item among the first n.</summary>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public UserMean HitRate(int cutoff) => _hitRates[IndexOf(cutoff)];

    /// <summary>
    /// NDCG@n: mean of the normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002) with binary relevance, Σ 1/log2(1 + rank) over the
    /// relevant
    /// items among the first n, divided by the most it can be, Σ_{r ≤ min(n, relevant items)} 1/log2(1 + r).
    /// </summary>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public UserMean Ndcg(int cutoff) => _ndcgs[IndexOf(cutoff)];

    /// <summary>Recall@n: mean share of a query's relevant items that are among the first n.</summary>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public UserMean Recall(int cutoff) => _recalls[IndexOf(cutoff)];

    /// <summary>
    /// Coverage@n: how many of the items that could be recommended are among the first n of any of the queries, by score and then by item.
    /// </summary>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public CatalogueCoverage Coverage(int cutoff) => _coverages[IndexOf(cutoff)];

    private int IndexOf(int cutoff) =>
        Array.IndexOf(_cutoffs, cutoff) is >= 0 and var index
            ? index
            : throw new ArgumentOutOfRangeException(nameof(cutoff), cutoff, $"Measured were the first {string.Join(", ", _cutoffs)}.");
}
