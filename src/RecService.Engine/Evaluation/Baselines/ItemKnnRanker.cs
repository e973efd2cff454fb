using System.Buffers;
using RecService.Engine.Data;

namespace RecService.Engine.Evaluation.Baselines;

/// <summary>
/// Ranks items by how near they are to those that a user has met (item-based top-N recommendation; Deshpande and Karypis, ACM TOIS, 2004): the score
/// of a
/// candidate is the sum of its similarities to those of its nearest other items that are in the user's history. Thread-safe.
/// </summary>
/// <remarks>
/// The similarity of items i and j is the cosine of their columns of the binary matrix of users by items, c_ij / √(n_i n_j), with c_ij the users who
/// met both and
/// n_i those who met i. Where several items are equally near at the end of the list, and not all of them have a place on it, none of them gets one:
/// an item's
/// neighbours are those that are among its nearest however ties are broken. So a ranking does not depend on how items are numbered.
/// </remarks>
public sealed class ItemKnnRanker : IRankingBaseline<ItemKnnRanker>
{
    private readonly RowSets _histories;
    private readonly int[] _offsets;
    private readonly int[] _candidates;
    private readonly float[] _similarities;

    /// <inheritdoc/>
    public static string Word => "item-knn";

    /// <inheritdoc/>
    public static string Description => "how near it is to what the user chose";

    /// <inheritdoc/>
    public static BaselineNeeds Needs => BaselineNeeds.Histories | BaselineNeeds.Neighbours;

    /// <summary>
    /// Finds the neighbours, in O(Σ_u n_u²) where user u met n_u items; keeps at most 8 · itemCount · neighbours bytes, and only of the items in histories.
    /// </summary>
    /// <param name="itemCount">Number of items.</param>
    /// <param name="met">For each user row, the items met in training.</param>
    /// <param name="histories">For each row that queries name, the items of the history; those met in training when null.</param>
    /// <param name="neighbours">Length of an item's list of nearest items, at least 1.</param>
    /// <exception cref="ArgumentException">An item is out of range.</exception>
    public ItemKnnRanker(int itemCount, RowSets met, RowSets? histories = null, int neighbours = 100)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(itemCount);
        ArgumentNullException.ThrowIfNull(met);
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        met.CheckMembers(itemCount, nameof(met));
        histories?.CheckMembers(itemCount, nameof(histories));
        _histories = histories ?? met;
        var wanted = new bool[itemCount];
        for (var row = 0; row < _histories.Count; row++)
        {
            foreach (var item in _histories[row])
            {
                wanted[item] = true;
            }
        }

        // Kept by neighbour, because a user's scores are added up from the items of the history.
        var pairs = NearestPairs(itemCount, met, wanted, neighbours);
        _offsets = new int[itemCount + 1];
        foreach (var pair in pairs)
        {
            _offsets[pair.Neighbour + 1]++;
        }

        for (var item = 0; item < itemCount; item++)
        {
            _offsets[item + 1] += _offsets[item];
        }

        var next = _offsets.AsSpan(0, itemCount).ToArray();
        _candidates = new int[pairs.Count];
        _similarities = new float[pairs.Count];
        foreach (var (candidate, neighbour, similarity) in pairs)
        {
            var place = next[neighbour]++;
            _candidates[place] = candidate;
            _similarities[place] = similarity;
        }
    }

    /// <inheritdoc/>
    public static ItemKnnRanker Of(BaselineData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new(data.ItemCount, data.Histories!, neighbours: data.Neighbours!.Value);
    }

    /// <summary>The scores of all items for the user of a query: an <see cref="ItemScores"/>.</summary>
    /// <exception cref="ArgumentException">There is no history of the user.</exception>
    public void Score(RankingQuery query, Span<float> scores)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.User >= _histories.Count)
        {
            throw new ArgumentException($"There is no history of user row {query.User}, but of {_histories.Count} users.", nameof(query));
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, _offsets.Length - 1);
        // In double, so that equal sums are equal whatever the order of their terms.
        var sums = ArrayPool<double>.Shared.Rent(scores.Length);
        sums.AsSpan(0, scores.Length).Clear();
        foreach (var item in _histories[query.User])
        {
            for (var pair = _offsets[item]; pair < _offsets[item + 1]; pair++)
            {
                sums[_candidates[pair]] += _similarities[pair];
            }
        }

        for (var item = 0; item < scores.Length; item++)
        {
            scores[item] = (float)sums[item];
        }

        ArrayPool<double>.Shared.Return(sums);
    }

    private static List<(int Candidate, int Neighbour, float Similarity)> NearestPairs(int itemCount, RowSets met, bool[] wanted, int neighbours)
    {
        var metBy = met.Transposed(itemCount);
        var pairs = new List<(int Candidate, int Neighbour, float Similarity)>();
        var counts = new double[itemCount];
        for (var item = 0; item < itemCount; item++)
        {
            counts[item] = metBy[item].Length;
        }

        var common = new int[itemCount];
        var others = new List<int>();
        var nearest = new PriorityQueue<double, double>();
        for (var candidate = 0; candidate < itemCount; candidate++)
        {
            foreach (var user in metBy[candidate])
            {
                foreach (var item in met[user])
                {
                    if (common[item]++ == 0 && item != candidate)
                    {
                        others.Add(item);
                    }
                }
            }

            // c²/n orders as the cosine does and, a quotient of whole numbers, is the same double wherever it is the same number.
            double Closeness(int other) => (double)common[other] * common[other] / counts[other];
            foreach (var other in others)
            {
                var closeness = Closeness(other);
                if (nearest.Count <= neighbours)
                {
                    nearest.Enqueue(closeness, closeness);
                }
                else if (closeness > nearest.Peek())
                {
                    nearest.DequeueEnqueue(closeness, closeness);
                }
            }

            // The nearest item without a place on the list: those that are no nearer have none either.
            var cut = nearest.Count > neighbours ? nearest.Peek() : 0;
            foreach (var other in others)
            {
                var closeness = Closeness(other);
                if (closeness > cut && wanted[other])
                {
                    pairs.Add((candidate, other, (float)Math.Sqrt(closeness / counts[candidate])));
                }

                common[other] = 0;
            }

            common[candidate] = 0;
            others.Clear();
            nearest.Clear();
        }

        return pairs;
    }
}
