using System.Runtime.ExceptionServices;
using RecService.Engine.Data;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>
/// Ranks the whole catalogue for each query, less what its user is known to have met, and measures where the relevant items come. All items compete:
/// metrics
/// over a sample of them are inconsistent (Krichene and Rendle, "On sampled metrics for item recommendation", KDD 2020).
/// </summary>
/// <remarks>
/// <para>
/// A query has the held-out items of a user together (<see cref="RankingQuery.FromPairs"/>), or one of them; to measure held-out items one by one,
/// exclude them
/// all, so that they do not compete with each other: those relevant to the query at hand are always ranked.
/// </para>
/// <para>An item with the same score as a relevant one counts as ranked before it, so that a model that scores everything alike gains nothing by
/// it.</para>
/// </remarks>
public sealed class RankingEvaluator
{
    private readonly int _itemCount;
    private readonly RowSets _excluded;
    private readonly int[] _unrankable;

    /// <param name="itemCount">Number of items in the catalogue.</param>
    /// <param name="excluded">For each user row, the items left out of the user's rankings, such as those met in training.</param>
    /// <param name="candidates">
    /// The items that can be recommended; null when all can. Others are never ranked, and a query to which they are relevant misses them.
    /// </param>
    /// <exception cref="ArgumentException">An item is out of range, or there are no candidates.</exception>
    public RankingEvaluator(int itemCount, RowSets excluded, IReadOnlyCollection<int>? candidates = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(itemCount, 1);
        ArgumentNullException.ThrowIfNull(excluded);
        excluded.CheckMembers(itemCount, nameof(excluded));
        _itemCount = itemCount;
        _excluded = excluded;
        _unrankable = candidates is null ? [] : AllBut(candidates);
    }

    /// <summary>Lengths n of the lists that are measured, each at least 1.</summary>
    /// <exception cref="ArgumentException">There is none, or one is below 1.</exception>
    public IReadOnlyList<int> Cutoffs
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            if (value.Count == 0 || value.Min() < 1)
            {
                throw new ArgumentException($"There must be cutoffs, each at least 1; these are given: {string.Join(", ", value)}.", nameof(value));
            }

            field = [.. value.Distinct().Order()];
        }
    } = [10, 20];

    /// <summary>Queries measured at most, at least 1; of more, a sample is drawn.</summary>
    public int MaximumQueries
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least 1 query must be allowed.");
    } = int.MaxValue;

    /// <summary>Seed of the sample.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads at most, at least 1. The result does not depend on it.</summary>
    public int Threads
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least 1 thread is needed.");
    } = 1;

    /// <summary>Measures a model's ranking; null when there are no queries.</summary>
    /// <param name="queries">What to measure.</param>
    /// <param name="ranker">The model, ready to rank the catalogue.</param>
    /// <param name="users">The rows of users that queries name, without columns of a field that items have.</param>
    /// <param name="contexts">The rows of contexts that queries name, likewise; null when the context of a query is nothing to the model.</param>
    /// <param name="cancellationToken">Stops the evaluation.</param>
    /// <exception cref="ArgumentException">A query names a row that there is not, or the ranker has another number of items.</exception>
    /// <exception cref="ArithmeticException">A score is not finite.</exception>
    public RankingFigures? Evaluate(
        IReadOnlyList<RankingQuery> queries,
        ItemRanker ranker,
        SparseRows users,
        SparseRows? contexts = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(ranker);
        ArgumentNullException.ThrowIfNull(users);
        if (ranker.ItemRows.Count != _itemCount)
        {
            throw new ArgumentException($"The ranker has {ranker.ItemRows.Count} items; the catalogue has {_itemCount}.", nameof(ranker));
        }

        for (var query = 0; query < queries.Count; query++)
        {
            var (user, context) = (queries[query].User, queries[query].Context);
            if (user >= users.Count)
            {
                throw new ArgumentException($"Query {query} names user row {user}; there are {users.Count}.", nameof(queries));
            }

            if (context >= (contexts?.Count ?? int.MaxValue))
            {
                throw new ArgumentException($"Query {query} names context row {context}; there are {contexts!.Count}.", nameof(queries));
            }
        }

        return Evaluate(
            queries,
            () =>
            {
                var request = new RowBuffer();
                return (query, scores) =>
                {
                    request.Clear();
                    request.Append(users[query.User]);
                    if (contexts is not null)
                    {
                        request.Append(contexts[query.Context]);
                    }

                    ranker.ScoreAll(request.Row, scores);
                };
            },
            cancellationToken
        );
    }

    /// <summary>Measures a ranking by whatever scores; null when there are no queries.</summary>
    /// <param name="queries">What to measure.</param>
    /// <param name="scores">Scores all items for a query, such as those of a baseline.</param>
    /// <param name="cancellationToken">Stops the evaluation.</param>
    /// <exception cref="ArgumentException">A query names a user or an item that there is not.</exception>
    /// <exception cref="ArithmeticException">A score is not finite.</exception>
    public RankingFigures? Evaluate(IReadOnlyList<RankingQuery> queries, ItemScores scores, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(scores);
        return Evaluate(queries, () => scores, cancellationToken);
    }

    private RankingFigures? Evaluate(IReadOnlyList<RankingQuery> queries, Func<ItemScores> scoresOfThread, CancellationToken cancellationToken)
    {
        Check(queries);
        var sample = Sample(queries);
        if (sample.Length == 0)
        {
            return null;
        }

        int[] cutoffs = [.. Cutoffs];
        int[] widths = [.. RankingMetrics.All.Select(metric => metric.HasCutoff ? cutoffs.Length : 1)];
        var width = widths.Sum();
        var outcomes = new double[checked(sample.Length * width)];
        CoverageTally[] coverage = [.. cutoffs.Select(_ => new CoverageTally(_itemCount))];
        try
        {
            Parallel.For(
                0,
                sample.Length,
                new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellationToken },
                () => new RankingWorker(_itemCount, _unrankable, cutoffs, scoresOfThread()),
                (n, _, worker) =>
                {
                    worker.Measure(sample[n], _excluded[sample[n].User], outcomes.AsSpan(n * width, width));
                    return worker;
                },
                worker =>
                {
                    lock (coverage)
                    {
                        worker.AddCoverageTo(coverage);
                    }
                }
            );
        }
        catch (AggregateException several)
        {
            // What failed, not that it did so on another thread.
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
        }

        var means = UserMeans(sample, outcomes, width);
        var users = means[0].Users;
        var covered = new CatalogueCoverage[cutoffs.Length];
        for (var c = 0; c < cutoffs.Length; c++)
        {
            covered[c] = coverage[c].Summarise(users, _itemCount - _unrankable.Length);
        }

        UserMean[][] byMetric = [.. widths.Select((count, metric) => means[widths[..metric].Sum()..][..count])];
        return new(sample.Length, cutoffs, byMetric, covered);
    }

    /// <summary>The mean of each kind of outcome: a user's value is the mean of the user's queries, and weighs as many as they are.</summary>
    private static UserMean[] UserMeans(RankingQuery[] queries, double[] outcomes, int width)
    {
        int[] users = [.. queries.Select(query => query.User).Distinct().Order()];
        var counts = new double[users.Length];
        double[][] values = [.. Enumerable.Range(0, width).Select(_ => new double[users.Length])];
        for (var query = 0; query < queries.Length; query++)
        {
            var user = Array.BinarySearch(users, queries[query].User);
            counts[user]++;
            for (var outcome = 0; outcome < width; outcome++)
            {
                values[outcome][user] += outcomes[(query * width) + outcome];
            }
        }

        foreach (var ofOutcome in values)
        {
            for (var user = 0; user < users.Length; user++)
            {
                ofOutcome[user] /= counts[user];
            }
        }

        double[] weights = users.Length == queries.Length ? [] : counts;
        return [.. values.Select(ofOutcome => new UserMean(users, ofOutcome, weights))];
    }

    private void Check(IReadOnlyList<RankingQuery> queries)
    {
        for (var query = 0; query < queries.Count; query++)
        {
            var (user, item) = (queries[query].User, queries[query].Relevant[^1]);
            if (user >= _excluded.Count || item >= _itemCount)
            {
                throw new ArgumentException(
                    $"Query {query} names user row {user} and item row {item}; there are {_excluded.Count} users and {_itemCount} items.",
                    nameof(queries)
                );
            }
        }
    }

    private RankingQuery[] Sample(IReadOnlyList<RankingQuery> queries)
    {
        if (queries.Count <= MaximumQueries)
        {
            return [.. queries];
        }

        int[] order = [.. Enumerable.Range(0, queries.Count)];
        new RandomSource(Seed).Shuffle<int>(order);
        return [.. order.Take(MaximumQueries).Order().Select(query => queries[query])];
    }

    private int[] AllBut(IReadOnlyCollection<int> candidates)
    {
        if (candidates.Count == 0)
        {
            throw new ArgumentException("There are no candidates, so that nothing could be ranked.", nameof(candidates));
        }

        var isCandidate = new bool[_itemCount];
        foreach (var item in candidates)
        {
            if ((uint)item >= (uint)_itemCount)
            {
                throw new ArgumentException($"Item row {item} is a candidate; there are {_itemCount} items.", nameof(candidates));
            }

            isCandidate[item] = true;
        }

        return [.. Enumerable.Range(0, _itemCount).Where(item => !isCandidate[item])];
    }
}
