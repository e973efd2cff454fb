namespace RecService.Api.Training;

/// <summary>Usable interactions as they are read, in no order.</summary>
internal sealed class CollectedRows
{
    private readonly Collected<int> _users = new();
    private readonly Collected<int> _items = new();
    private readonly Collected<int> _contexts = new();
    private readonly Collected<float> _targets = new();
    private readonly Collected<float> _weights = new();
    private readonly Collected<double> _times = new();
    private readonly Collected<long> _keys = new();

    public int Count => _users.Count;

    public void Add(int user, int item, int context, float target, float weight, double time, long key)
    {
        _users.Add(user);
        _items.Add(item);
        AddUnlessUsual(_contexts, context, usual: 0);
        AddUnlessUsual(_targets, target, usual: 1);
        _weights.Add(weight);
        _times.Add(time);
        _keys.Add(key);
    }

    /// <summary>Makes rows of all, by user and, of each user, by time and key; and lets go of what was collected.</summary>
    public CutoffRows ByTime() =>
        Rows((a, b) => _times[a].CompareTo(_times[b]) is var byTime && byTime != 0 ? byTime : _keys[a].CompareTo(_keys[b]));

    /// <summary>The same by user, item, time and key.</summary>
    public CutoffRows ByItem() => Rows((a, b) => (_items[a], _times[a], _keys[a]).CompareTo((_items[b], _times[b], _keys[b])));

    /// <summary>The same by user, item, context, time and key.</summary>
    /// <param name="contextOrder">The place of each context in their order.</param>
    public CutoffRows ByItemAndContext(int[] contextOrder) =>
        Rows(
            (a, b) =>
                (_items[a], contextOrder[ContextOf(a)], _times[a], _keys[a]).CompareTo((_items[b], contextOrder[ContextOf(b)], _times[b], _keys[b]))
        );

    private int ContextOf(int n) => _contexts.Count == 0 ? 0 : _contexts[n];

    /// <summary>Of most data all rows have the same, which then need not be kept.</summary>
    private void AddUnlessUsual<T>(Collected<T> column, T value, T usual)
        where T : IEquatable<T>
    {
        if (column.Count == 0 && value.Equals(usual))
        {
            return;
        }

        while (column.Count < _users.Count - 1)
        {
            column.Add(usual);
        }

        column.Add(value);
    }

    private CutoffRows Rows(Comparison<int> compare)
    {
        var order = ByUser();
        for (int from = 0, to; from < order.Length; from = to)
        {
            for (to = from + 1; to < order.Length && _users[order[to]] == _users[order[from]]; to++) { }

            Sort(order.AsSpan(from..to), compare);
        }

        _keys.Clear();
        var rows = new CutoffRows(order.Length);
        _users.MoveTo(rows.Users, order);
        _items.MoveTo(rows.Items, order);
        rows.Contexts = _contexts.Count == 0 ? null : _contexts.MoveTo(new int[order.Length], order);
        rows.Targets = _targets.Count == 0 ? null : _targets.MoveTo(new float[order.Length], order);
        _weights.MoveTo(rows.Weights, order);
        _times.MoveTo(rows.Times, order);
        return rows;
    }

    /// <summary>Most rows come in the order of time, and need no sorting.</summary>
    private static void Sort(Span<int> rows, Comparison<int> compare)
    {
        for (var n = 1; n < rows.Length; n++)
        {
            if (compare(rows[n - 1], rows[n]) > 0)
            {
                rows.Sort(compare);
                return;
            }
        }
    }

    private int[] ByUser()
    {
        var users = 0;
        for (var n = 0; n < Count; n++)
        {
            users = Math.Max(users, _users[n] + 1);
        }

        var next = new int[users + 1];
        for (var n = 0; n < Count; n++)
        {
            next[_users[n] + 1]++;
        }

        for (var user = 0; user < users; user++)
        {
            next[user + 1] += next[user];
        }

        var order = new int[Count];
        for (var n = 0; n < Count; n++)
        {
            order[next[_users[n]]++] = n;
        }

        return order;
    }
}
