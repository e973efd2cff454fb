namespace RecService.Engine.Data.Histories;

/// <summary>The columns that items have as part of a history, by item; rows of all have the same numbers.</summary>
/// <param name="History">What a(j) is the sum of: fields <c>history</c>.</param>
/// <param name="Recent">What b(j) is the sum of: field <c>history.recent</c>.</param>
/// <param name="Repeat">Field <c>repeat</c>: the columns whose weights are ρ and ρ_j; null where the model has none.</param>
public sealed record ItemRoles(RowChunks History, RowChunks Recent, RowChunks? Repeat)
{
    /// <summary>Number of items.</summary>
    public int Count => History.Count;

    /// <summary>The columns of items in the terms of an index.</summary>
    public static ItemRoles Of(FeatureIndex index, IEnumerable<EntityFeatures> items)
    {
        ArgumentNullException.ThrowIfNull(index);
        ArgumentNullException.ThrowIfNull(items);
        var roles = new ItemRolesBuilder(index);
        foreach (var item in items)
        {
            roles.Add(item);
        }

        return roles.Build();
    }

    /// <summary>
    /// These roles with those of other items in the places of some, or behind them, at the cost of the changed ones (<see cref="RowChunks.With"/>).
    /// </summary>
    /// <param name="items">Which items are replaced; those that are added in order, the first of them <see cref="Count"/>.</param>
    /// <param name="roles">What takes their places.</param>
    /// <exception cref="ArgumentException">A place is neither an item nor the next one, or there are not roles for each.</exception>
    public ItemRoles With(IReadOnlyList<int> items, ItemRoles roles)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(roles);
        roles.Check(items.Count);
        var repeat =
            Repeat is null && roles.Repeat is null
                ? null
                : (Repeat ?? RowChunks.Empty(Count)).With(items, (roles.Repeat ?? RowChunks.Empty(items.Count)).ToSparseRows());
        return new(History.With(items, roles.History.ToSparseRows()), Recent.With(items, roles.Recent.ToSparseRows()), repeat);
    }

    internal void Check(int items)
    {
        if (History.Count != items || Recent.Count != items || (Repeat ?? History).Count != items)
        {
            throw new ArgumentException($"There are {items} items, but {History.Count}, {Recent.Count} and {Repeat?.Count} rows for their roles.");
        }
    }
}

/// <summary>Collects the columns that items have as part of a history, item after item. Not thread-safe.</summary>
/// <param name="index">The index that has the columns.</param>
public sealed class ItemRolesBuilder(FeatureIndex index)
{
    private readonly SparseRowsBuilder _history = new();
    private readonly SparseRowsBuilder _recent = new();
    private readonly SparseRowsBuilder _repeat = new();
    private readonly RowBuffer _row = new();

    /// <summary>Adds the next item.</summary>
    public void Add(EntityFeatures item)
    {
        ArgumentNullException.ThrowIfNull(item);
        _row.Clear();
        index.AppendHistory(item, _row);
        _history.AddRow(_row.Row);
        _row.Clear();
        index.AppendRecentHistory(item, _row);
        _recent.AddRow(_row.Row);
        _row.Clear();
        index.AppendRepeat(item, _row);
        _repeat.AddRow(_row.Row);
    }

    /// <summary>The roles of the items added so far.</summary>
    public ItemRoles Build() => new(_history.Build(), _recent.Build(), _repeat.EntryCount == 0 ? null : new(_repeat.Build()));
}
