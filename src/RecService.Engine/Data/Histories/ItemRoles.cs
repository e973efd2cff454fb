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
        var (history, recent, repeat) = (new SparseRowsBuilder(), new SparseRowsBuilder(), new SparseRowsBuilder());
        var row = new RowBuffer();
        foreach (var item in items)
        {
            row.Clear();
            index.AppendHistory(item, row);
            history.AddRow(row.Row);
            row.Clear();
            index.AppendRecentHistory(item, row);
            recent.AddRow(row.Row);
            row.Clear();
            index.AppendRepeat(item, row);
            repeat.AddRow(row.Row);
        }

        return new(history.Build(), recent.Build(), repeat.EntryCount == 0 ? null : new(repeat.Build()));
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
