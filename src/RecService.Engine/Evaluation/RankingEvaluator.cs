using System.Runtime.ExceptionServices;
using RecService.Engine.Data;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>An interaction that was kept from training, to see how high its item is ranked.</summary>
/// <param name="User">Row of the user.</param>
/// <param name="Item">Row of the item.</param>
/// <param name="Context">Row of the context.</param>
public readonly record struct HeldOutPair(int User, int Item, int Context);

/// <summary>Fills in the score of every item for one held-out pair. Called from several threads at once where the evaluator may use several.</summary>
/// <param name="pair">Index of the pair in the list under evaluation.</param>
/// <param name="scores">A place for each item, 0 at first.</param>
public delegate void ItemScores(int pair, Span<float> scores);

/// <summary>Where held-out items came in the rankings of the whole catalogue.</summary>
/// <param name="Cutoff">n, the length of the list that counts.</param>
/// <param name="HitRate">Share of the pairs whose item is among the first n.</param>
/// <param name="Ndcg">Mean of 1/log2(1 + rank), 0 beyond n: the normalised discounted cumulative gain with one relevant item.</param>
/// <param name="Mrr">Mean of 1/rank over the whole catalogue.</param>
/// <param name="Pairs">Number of pairs measured.</param>
public sealed record RankingMetrics(int Cutoff, double HitRate, double Ndcg, double Mrr, int Pairs);

/// <summary>
/// Ranks each held-out item among the whole catalogue less the other items that its user is known to have met. All items compete: metrics over a sample of
/// them are inconsistent (Krichene and Rendle, "On sampled metrics for item recommendation", KDD 2020).
/// </summary>
/// <remarks>An item with the same score as the held-out one counts as ranked before it, so that a model that scores everything alike gains nothing by it.</remarks>
public sealed class RankingEvaluator
{
    private readonly int _itemCount;
    private readonly RowSets _known;

    /// <param name="itemCount">Number of items in the catalogue.</param>
    /// <param name="known">
    /// For each user row, the items left out of the ranking: those of training and the held-out ones. The held-out item of the pair at hand stays in.
    /// </param>
    public RankingEvaluator(int itemCount, RowSets known)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(itemCount, 1);
        ArgumentNullException.ThrowIfNull(known);
        for (var user = 0; user < known.Count; user++)
        {
            if (!known[user].IsEmpty && known[user][^1] >= itemCount)
                throw new ArgumentException($"User row {user} knows item row {known[user][^1]}; there are {itemCount} items.", nameof(known));
        }

        _itemCount = itemCount;
        _known = known;
    }

    /// <summary>n of the hit rate and the NDCG, at least 1.</summary>
    public int Cutoff { get; init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The cutoff must be at least 1."); } = 10;

    /// <summary>Pairs measured at most, at least 1; of more, a sample is drawn.</summary>
    public int MaximumPairs
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least 1 pair must be allowed.");
    } = 20_000;

    /// <summary>Seed of the sample.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads at most, at least 1. The result does not depend on it.</summary>
    public int Threads { get; init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least 1 thread is needed."); } = 1;

    /// <summary>Measures a model's ranking; null when there are no pairs.</summary>
    /// <param name="pairs">The held-out pairs.</param>
    /// <param name="ranker">The model, ready to rank the catalogue.</param>
    /// <param name="users">The rows of users that pairs name, without columns of a field that items have.</param>
    /// <param name="contexts">The rows of contexts that pairs name, likewise.</param>
    /// <param name="cancellationToken">Stops the evaluation.</param>
    /// <exception cref="ArithmeticException">A score is not finite.</exception>
    public RankingMetrics? Evaluate(
        IReadOnlyList<HeldOutPair> pairs, ItemRanker ranker, SparseRows users, SparseRows contexts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(ranker);
        ArgumentNullException.ThrowIfNull(users);
        ArgumentNullException.ThrowIfNull(contexts);
        if (ranker.ItemRows.Count != _itemCount)
            throw new ArgumentException($"The ranker has {ranker.ItemRows.Count} items; the catalogue has {_itemCount}.", nameof(ranker));
        return Evaluate(
            pairs,
            (pair, scores) =>
            {
                var request = new RowBuffer();
                request.Append(users[pairs[pair].User]);
                request.Append(contexts[pairs[pair].Context]);
                ranker.ScoreAll(request.Row, scores);
            },
            cancellationToken);
    }

    /// <summary>Measures a ranking by whatever scores; null when there are no pairs.</summary>
    /// <param name="pairs">The held-out pairs.</param>
    /// <param name="scores">Scores all items for a pair.</param>
    /// <param name="cancellationToken">Stops the evaluation.</param>
    /// <exception cref="ArgumentException">A pair names a user or an item that there is not.</exception>
    /// <exception cref="ArithmeticException">A score is not finite.</exception>
    public RankingMetrics? Evaluate(IReadOnlyList<HeldOutPair> pairs, ItemScores scores, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(scores);
        for (var pair = 0; pair < pairs.Count; pair++)
        {
            if ((uint)pairs[pair].User >= (uint)_known.Count || (uint)pairs[pair].Item >= (uint)_itemCount)
                throw new ArgumentException($"Held-out pair {pair}, {pairs[pair]}, is out of range: {_known.Count} users, {_itemCount} items.", nameof(pairs));
        }

        var sample = Sample(pairs.Count);
        var ranks = new int[sample.Length];
        RankAll(sample, ranks, pairs, scores, cancellationToken);
        return ranks.Length == 0 ? null : Summarise(ranks);
    }

    private void RankAll(int[] sample, int[] ranks, IReadOnlyList<HeldOutPair> pairs, ItemScores scores, CancellationToken cancellationToken)
    {
        try
        {
            Parallel.For(
                0,
                sample.Length,
                new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellationToken },
                () => new float[_itemCount],
                (n, _, buffer) =>
                {
                    buffer.AsSpan().Clear();
                    scores(sample[n], buffer);
                    ranks[n] = Rank(pairs[sample[n]], buffer);
                    return buffer;
                },
                _ => { });
        }
        catch (AggregateException several)
        {
            // What failed, not that it did so on another thread.
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
        }
    }

    /// <summary>1 + number of candidates that score as much or more.</summary>
    private int Rank(HeldOutPair pair, ReadOnlySpan<float> scores)
    {
        var own = scores[pair.Item];
        var atLeast = 0;
        for (var item = 0; item < scores.Length; item++)
        {
            if (!float.IsFinite(scores[item]))
                throw new ArithmeticException(FormattableString.Invariant($"Item row {item} has the score {scores[item]} for user row {pair.User}."));
            if (scores[item] >= own)
                atLeast++;
        }

        foreach (var known in _known[pair.User])
        {
            if (known != pair.Item && scores[known] >= own)
                atLeast--;
        }

        // The item itself was counted, and is the 1 of the rank.
        return atLeast;
    }

    private RankingMetrics Summarise(int[] ranks)
    {
        double hits = 0, gain = 0, reciprocal = 0;
        foreach (var rank in ranks)
        {
            reciprocal += 1.0 / rank;
            if (rank <= Cutoff)
            {
                hits++;
                gain += 1 / Math.Log2(1 + rank);
            }
        }

        return new(Cutoff, hits / ranks.Length, gain / ranks.Length, reciprocal / ranks.Length, ranks.Length);
    }

    private int[] Sample(int count)
    {
        var all = new int[count];
        for (var pair = 0; pair < count; pair++)
            all[pair] = pair;
        if (count <= MaximumPairs)
            return all;
        new RandomSource(Seed).Shuffle<int>(all);
        var sample = all[..MaximumPairs];
        Array.Sort(sample);
        return sample;
    }
}
