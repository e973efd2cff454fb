namespace RecService.Engine.Evaluation.Metrics;

/// <summary>How much of the catalogue users get to see.</summary>
/// <param name="Share">Share of the items that could be recommended which are among the first n of at least one ranking.</param>
/// <param name="Interval">
/// Where the share lies with 95 % confidence when as many other users of the same kind are measured. The bootstrap would be wrong here: a resample
/// has fewer
/// distinct users, and so covers less. The variance is bounded by Σ_u (q_u − q̄)², q_u the items that are covered by user u alone (Efron and Stein,
/// "The
/// jackknife estimate of variance", Annals of Statistics, 1981); the interval is normal, cut off at 0 and 1, and rather too wide than too narrow.
/// </param>
public readonly record struct CatalogueCoverage(double Share, ConfidenceInterval Interval);

/// <summary>
/// Which items came among the first n of a ranking, and for whom where it was one user only. The order of additions does not matter.
/// </summary>
internal sealed class CoverageTally
{
    private const int Nobody = -1;
    private const int Several = -2;

    /// <summary>For each item the only user to whom it was shown, or one of the above.</summary>
    private readonly int[] _shownTo;

    public CoverageTally(int itemCount)
    {
        _shownTo = new int[itemCount];
        _shownTo.AsSpan().Fill(Nobody);
    }

    public void Add(int user, ReadOnlySpan<int> items)
    {
        foreach (var item in items)
        {
            Add(ref _shownTo[item], user);
        }
    }

    public void Add(CoverageTally other)
    {
        for (var item = 0; item < _shownTo.Length; item++)
        {
            if (other._shownTo[item] != Nobody)
            {
                Add(ref _shownTo[item], other._shownTo[item]);
            }
        }
    }

    /// <param name="users">The users measured, ascending.</param>
    /// <param name="rankable">Number of items that could be recommended.</param>
    public CatalogueCoverage Summarise(ReadOnlySpan<int> users, int rankable)
    {
        double covered = 0;
        var alone = new double[users.Length];
        foreach (var user in _shownTo)
        {
            if (user != Nobody)
            {
                covered++;
            }

            if (user >= 0)
            {
                alone[users.BinarySearch(user)]++;
            }
        }

        var mean = alone.Average();
        var deviation = Math.Sqrt(alone.Sum(items => (items - mean) * (items - mean)));
        const double Normal95 = 1.959964;
        return new(
            covered / rankable,
            new(Math.Max(0, (covered - (Normal95 * deviation)) / rankable), Math.Min(1, (covered + (Normal95 * deviation)) / rankable))
        );
    }

    private static void Add(ref int shownTo, int user) => shownTo = shownTo == Nobody || shownTo == user ? user : Several;
}
