using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Evaluation;

/// <summary>A measure, with its 95 % confidence interval.</summary>
/// <param name="Name">What reports call it, such as hr@10.</param>
/// <param name="Value">The measure.</param>
/// <param name="Interval">Where it lies when other users of the same kind are measured.</param>
public readonly record struct RankingFigure(string Name, double Value, ConfidenceInterval Interval);

/// <summary>
/// Where held-out items came in the rankings of a catalogue. A mean counts every query alike, so that a user weighs as many as they have queries.
/// </summary>
public sealed class RankingFigures
{
    private readonly int[] _cutoffs;
    private readonly UserMean[][] _means;
    private readonly CatalogueCoverage[] _coverages;

    /// <param name="queries">Number of queries measured.</param>
    /// <param name="cutoffs">The cutoffs, ascending.</param>
    /// <param name="means">For each of <see cref="RankingMetrics.All"/> its mean at each cutoff, or the only one.</param>
    /// <param name="coverages">The coverage at each cutoff.</param>
    internal RankingFigures(int queries, int[] cutoffs, UserMean[][] means, CatalogueCoverage[] coverages)
    {
        Queries = queries;
        _cutoffs = cutoffs;
        _means = means;
        _coverages = coverages;
    }

    /// <summary>Number of queries measured.</summary>
    public int Queries { get; }

    /// <summary>The lengths n of the lists measured, ascending.</summary>
    public IReadOnlyList<int> Cutoffs => _cutoffs;

    /// <summary>The mean of a metric that is of the first n of a ranking.</summary>
    /// <param name="metric">One of <see cref="RankingMetrics.All"/>.</param>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public UserMean this[RankingMetric metric, int cutoff] => _means[IndexOf(metric, hasCutoff: true)][IndexOf(cutoff)];

    /// <summary>The mean of a metric that is of whole rankings.</summary>
    /// <param name="metric">One of <see cref="RankingMetrics.All"/>.</param>
    public UserMean this[RankingMetric metric] => _means[IndexOf(metric, hasCutoff: false)][0];

    /// <summary>
    /// Coverage@n: how many of the items that could be recommended are among the first n of any of the queries, by score and then by item.
    /// </summary>
    /// <param name="cutoff">n, one of <see cref="Cutoffs"/>.</param>
    public CatalogueCoverage Coverage(int cutoff) => _coverages[IndexOf(cutoff)];

    /// <summary>Everything that was measured: by cutoff, then what has none, then coverage. An interval takes a moment.</summary>
    public IEnumerable<RankingFigure> All()
    {
        foreach (var cutoff in _cutoffs)
        {
            foreach (var metric in RankingMetrics.All.Where(metric => metric.HasCutoff))
            {
                yield return Figure($"{metric.Name}@{cutoff}", this[metric, cutoff]);
            }
        }

        foreach (var metric in RankingMetrics.All.Where(metric => !metric.HasCutoff))
        {
            yield return Figure(metric.Name, this[metric]);
        }

        foreach (var cutoff in _cutoffs)
        {
            yield return new($"coverage@{cutoff}", Coverage(cutoff).Share, Coverage(cutoff).Interval);
        }

        static RankingFigure Figure(string name, UserMean mean) => new(name, mean.Mean, mean.Interval());
    }

    private static int IndexOf(RankingMetric metric, bool hasCutoff)
    {
        ArgumentNullException.ThrowIfNull(metric);
        for (var index = 0; index < RankingMetrics.All.Count; index++)
        {
            if (RankingMetrics.All[index] == metric && metric.HasCutoff == hasCutoff)
            {
                return index;
            }
        }

        throw new ArgumentException($"Not measured was {metric.Name} {(hasCutoff ? "at a cutoff" : "of whole rankings")}.", nameof(metric));
    }

    private int IndexOf(int cutoff) =>
        Array.IndexOf(_cutoffs, cutoff) is >= 0 and var index
            ? index
            : throw new ArgumentOutOfRangeException(nameof(cutoff), cutoff, $"Measured were the first {string.Join(", ", _cutoffs)}.");
}
