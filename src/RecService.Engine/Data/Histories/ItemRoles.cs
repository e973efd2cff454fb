namespace RecService.Engine.Data.Histories;

/// <summary>The columns that items have as part of a history, by item; rows of all have the same numbers.</summary>
/// <param name="History">What a(j) is the sum of: fields <c>history</c>.</param>
/// <param name="Recent">What b(j) is the sum of: field <c>history.recent</c>.</param>
/// <param name="Repeat">Field <c>repeat</c>: the columns whose weights are ρ and ρ_j; null where the model has none.</param>
public sealed record ItemRoles(SparseRows History, SparseRows Recent, SparseRows? Repeat)
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

        return new(history.Build(), recent.Build(), repeat.EntryCount == 0 ? null : repeat.Build());
    }

    internal void Check(int items)
    {
        if (History.Count != items || Recent.Count != items || (Repeat ?? History).Count != items)
        {
            throw new ArgumentException($"There are {items} items, but {History.Count}, {Recent.Count} and {Repeat?.Count} rows for their roles.");
        }
    }
}
