namespace RecService.Engine.Scoring;

/// <summary>Exact scores of items.</summary>
internal interface IItemScores
{
    /// <summary>Replaces what is given of some items by their scores.</summary>
    void Score(Span<RankedItem> items);
}

/// <summary>
/// Collects the items with the highest scores out of many of which only bounds are known: an item is left out once as many others are known to be above
/// it. Their scores are computed at the end, or when there are more than there is room for, which does not depend on how many items there are. Not
/// thread-safe.
/// </summary>
internal sealed class TopItems
{
    private readonly IItemScores? _scores;
    private readonly Comparison<RankedItem> _order;
    private readonly float[] _lowest;
    private readonly RankedItem[] _candidates;
    private int _lowestCount;
    private int _count;
    private int _settled;

    /// <param name="count">How many items at most, at least 1.</param>
    /// <param name="scores">What computes scores; null where bounds are scores.</param>
    /// <param name="order">The order of items with equal scores.</param>
    public TopItems(int count, IItemScores? scores, IComparer<int> order)
    {
        _scores = scores;
        _order = ByScore(order);
        _lowest = new float[count];
        _candidates = new RankedItem[checked((2 * count) + 64)];
    }

    /// <summary>What no item may be below that is among the first.</summary>
    public float Threshold { get; private set; } = float.NegativeInfinity;

    /// <summary>The order of a ranking: by score, and then by an order of the items.</summary>
    public static Comparison<RankedItem> ByScore(IComparer<int> order) =>
        (a, b) => b.Score.CompareTo(a.Score) is var byScore && byScore != 0 ? byScore : order.Compare(a.Item, b.Item);

    /// <summary>Takes an item into account, once.</summary>
    /// <param name="item">The item.</param>
    /// <param name="lower">What its score is not below.</param>
    /// <param name="upper">What its score is not above. Where one of them is no number, nothing is known.</param>
    public void Add(int item, float lower, float upper)
    {
        if (upper < Threshold)
        {
            return;
        }

        Raise(lower);
        _candidates[_count++] = new(item, upper);
        if (_count == _candidates.Length)
        {
            Drop();
            if (_count > _candidates.Length - (_candidates.Length / 4))
            {
                Settle();
            }
        }
    }

    /// <summary>The first items, in order.</summary>
    public ReadOnlySpan<RankedItem> Finish()
    {
        Drop();
        Settle();
        return _candidates.AsSpan(0, _count);
    }

    /// <summary>Drops what has been passed by others since.</summary>
    private void Drop()
    {
        var kept = _settled;
        for (var i = _settled; i < _count; i++)
        {
            if (!(_candidates[i].Score < Threshold))
            {
                _candidates[kept++] = _candidates[i];
            }
        }

        _count = kept;
    }

    /// <summary>Computes the scores and keeps the first items only.</summary>
    private void Settle()
    {
        _scores?.Score(_candidates.AsSpan(_settled, _count - _settled));
        _candidates.AsSpan(0, _count).Sort(_order);
        _count = _settled = Math.Min(_count, _lowest.Length);
        _lowestCount = 0;
        foreach (var candidate in _candidates.AsSpan(0, _count))
        {
            Raise(candidate.Score);
        }
    }

    /// <summary>Keeps the highest of the lower bounds, as many as items are wanted, the lowest of them at the root of a heap.</summary>
    private void Raise(float lower)
    {
        if (float.IsNaN(lower))
        {
            return;
        }

        if (_lowestCount < _lowest.Length)
        {
            var at = _lowestCount++;
            for (var parent = (at - 1) / 2; at > 0 && _lowest[parent] > lower; (at, parent) = (parent, (parent - 1) / 2))
            {
                _lowest[at] = _lowest[parent];
            }

            _lowest[at] = lower;
        }
        else if (lower > _lowest[0])
        {
            var at = 0;
            for (var child = 1; child < _lowest.Length; child = (2 * at) + 1)
            {
                if (child + 1 < _lowest.Length && _lowest[child + 1] < _lowest[child])
                {
                    child++;
                }

                if (_lowest[child] >= lower)
                {
                    break;
                }

                _lowest[at] = _lowest[child];
                at = child;
            }

            _lowest[at] = lower;
        }

        Threshold = _lowestCount < _lowest.Length ? float.NegativeInfinity : _lowest[0];
    }
}
