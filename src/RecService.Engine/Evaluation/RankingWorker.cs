using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Evaluation;

/// <summary>Ranks the items for one query after the other, in buffers of its own. Not thread-safe.</summary>
/// <param name="itemCount">Number of items.</param>
/// <param name="unrankable">The items that are never ranked.</param>
/// <param name="cutoffs">Lengths n of the lists that are measured, ascending.</param>
/// <param name="scoreItems">What ranks.</param>
internal sealed class RankingWorker(int itemCount, int[] unrankable, int[] cutoffs, ItemScores scoreItems)
{
    private static readonly int[] WholeRanking = [int.MaxValue];

    private readonly float[] _scores = new float[itemCount];
    private readonly PriorityQueue<int, ulong> _best = new();
    private readonly int[] _list = new int[Math.Min(cutoffs[^1], itemCount)];
    private readonly CoverageTally[] _coverage = [.. cutoffs.Select(_ => new CoverageTally(itemCount))];
    private float[] _relevantScores = [];
    private int[] _passed = [];
    private int[] _ranks = [];

    /// <summary>Measures a query.</summary>
    /// <param name="query">The query.</param>
    /// <param name="excluded">The items left out of the ranking; those relevant to the query stay in.</param>
    /// <param name="outcomes">Receives each of <see cref="RankingMetrics.All"/>, at each cutoff where it has one.</param>
    /// <exception cref="ArithmeticException">A score is not finite.</exception>
    public void Measure(RankingQuery query, ReadOnlySpan<int> excluded, Span<double> outcomes)
    {
        _scores.AsSpan().Clear();
        scoreItems(query, _scores);
        CheckScores(query.User);
        Mask(unrankable);
        var relevantScores = TakeRelevant(query.Relevant);
        Mask(excluded);
        foreach (var item in query.Excluded)
        {
            _scores[item] = float.NegativeInfinity;
        }

        // In the lists that a user would get, the relevant items compete like all others.
        for (var r = 0; r < relevantScores.Length; r++)
        {
            _scores[query.Relevant[r]] = relevantScores[r];
        }

        var list = FindBest();
        for (var c = 0; c < cutoffs.Length; c++)
        {
            _coverage[c].Add(query.User, list[..Math.Min(cutoffs[c], list.Length)]);
        }

        Mask(query.Relevant);
        relevantScores.Sort();
        Summarise(new() { Ranks = Ranks(relevantScores), Relevant = query.Relevant.Length }, outcomes);
    }

    /// <summary>Adds the coverage of all queries measured to a tally for each cutoff.</summary>
    public void AddCoverageTo(CoverageTally[] total)
    {
        for (var c = 0; c < total.Length; c++)
        {
            total[c].Add(_coverage[c]);
        }
    }

    private void CheckScores(int user)
    {
        ReadOnlySpan<float> scores = _scores;
        for (var item = 0; item < scores.Length; item++)
        {
            if (!float.IsFinite(scores[item]))
            {
                throw new ArithmeticException(FormattableString.Invariant($"Item row {item} has the score {scores[item]} for user row {user}."));
            }
        }
    }

    /// <summary>Scores that are finite are ranked, and these no longer are.</summary>
    private void Mask(ReadOnlySpan<int> items)
    {
        foreach (var item in items)
        {
            _scores[item] = float.NegativeInfinity;
        }
    }

    private Span<float> TakeRelevant(ReadOnlySpan<int> relevant)
    {
        if (_relevantScores.Length < relevant.Length)
        {
            _relevantScores = new float[relevant.Length];
            _passed = new int[relevant.Length];
            _ranks = new int[relevant.Length];
        }

        for (var r = 0; r < relevant.Length; r++)
        {
            _relevantScores[r] = _scores[relevant[r]];
        }

        return _relevantScores.AsSpan(0, relevant.Length);
    }

    /// <summary>The items with the highest scores, by score and then by item, as many as the longest list has.</summary>
    private ReadOnlySpan<int> FindBest()
    {
        ReadOnlySpan<float> scores = _scores;
        var worst = float.NegativeInfinity;
        for (var item = 0; item < scores.Length; item++)
        {
            // Of equal scores the earlier item stays.
            if (scores[item] <= worst)
            {
                continue;
            }

            var priority = ((ulong)FloatOrder.KeyOf(scores[item]) << 32) | ~(uint)item;
            if (_best.Count < _list.Length)
            {
                _best.Enqueue(item, priority);
            }
            else
            {
                _best.DequeueEnqueue(item, priority);
            }

            if (_best.Count == _list.Length)
            {
                worst = scores[_best.Peek()];
            }
        }

        var list = _list.AsSpan(0, _best.Count);
        for (var rank = list.Length - 1; rank >= 0; rank--)
        {
            list[rank] = _best.Dequeue();
        }

        return list;
    }

    /// <summary>
    /// Ranks of the relevant items, ascending, those left out that are not ranked: 1 + the relevant items before it + the others that score as much
    /// or more.
    /// </summary>
    /// <param name="relevantScores">Scores of the relevant items, ascending; their own places in the scores are masked.</param>
    private ReadOnlySpan<int> Ranks(ReadOnlySpan<float> relevantScores)
    {
        var ranked = relevantScores[(relevantScores.LastIndexOf(float.NegativeInfinity) + 1)..];
        if (ranked.IsEmpty)
        {
            return [];
        }

        // passed[r]: the other items that score as much as or more than relevant item r, and less than the next higher one.
        var passed = _passed.AsSpan(0, ranked.Length);
        passed.Clear();
        var lowest = ranked[0];
        foreach (var score in _scores)
        {
            if (score >= lowest)
            {
                passed[LastAtMost(ranked, score)]++;
            }
        }

        var ranks = _ranks.AsSpan(0, ranked.Length);
        var ahead = 0;
        for (var r = 0; r < ranks.Length; r++)
        {
            ahead += passed[^(r + 1)];
            ranks[r] = 1 + r + ahead;
        }

        return ranks;
    }

    /// <summary>Index of the last of some ascending scores that is not above <paramref name="score"/>; the first is not.</summary>
    private static int LastAtMost(ReadOnlySpan<float> ascending, float score)
    {
        var (low, high) = (0, ascending.Length - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (ascending[middle] <= score)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    private void Summarise(RankedQuery query, Span<double> outcomes)
    {
        var next = 0;
        foreach (var metric in RankingMetrics.All)
        {
            foreach (var cutoff in metric.HasCutoff ? cutoffs : WholeRanking)
            {
                outcomes[next++] = metric.Of(query, cutoff);
            }
        }
    }
}
