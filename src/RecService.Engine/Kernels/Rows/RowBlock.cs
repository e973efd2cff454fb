using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels.Rows;

/// <summary>
/// A block of sparse rows in terms of parameter rows, as the kernels read them. 4 bytes an entry, 4 more where values differ from 1 and where columns
/// share latent vectors.
/// </summary>
internal sealed unsafe class RowBlock : IDisposable
{
    private readonly NativeArray<int> _entries;
    private readonly NativeArray<int>? _weightRows;
    private readonly NativeArray<float> _values;
    private readonly NativeArray<int>? _offsets;

    /// <param name="space">The columns.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="order">The row to put at each place; null keeps the order.</param>
    /// <param name="numbering">The parameter rows of the columns.</param>
    /// <param name="grouped">Whether entries are put together by field and marked.</param>
    /// <exception cref="ArgumentException">The rows have more entries together than an offset can count.</exception>
    public RowBlock(FeatureSpace space, SparseRows rows, int[]? order, RowNumbering numbering, bool grouped)
    {
        Count = order?.Length ?? rows.Count;
        Width = rows.Width ?? 0;
        HasAnyValues = !rows.Values.IsEmpty;
        var entryCount = EntriesOf(rows, order);
        _entries = new((nuint)(entryCount + RowBatch.Lookahead));
        _weightRows = numbering.IsSingle ? null : new((nuint)(entryCount + RowBatch.Lookahead));
        _values = HasAnyValues ? new((nuint)entryCount) : NativeArray<float>.Of(1);
        _offsets = Width > 0 ? null : new((nuint)Count + 1);
        var fields = space.ColumnFields;
        var fieldOrder = new FieldOrder(space);
        var at = 0;
        for (var place = 0; place < Count; place++)
        {
            var row = rows[order is null ? place : order[place]];
            if (numbering.IsNatural && !grouped)
            {
                row.Columns.CopyTo(new(_entries.Pointer + at, row.Length));
                row.Values.CopyTo(new(_values.Pointer + at, row.Values.Length));
                at += row.Length;
            }
            else
            {
                var sorted = grouped ? fieldOrder.Sort(row) : default;
                var lastField = -1;
                for (var e = 0; e < row.Length; e++, at++)
                {
                    var entry = grouped ? sorted[e] : e;
                    var column = row.Columns[entry];
                    _entries.Pointer[at] = numbering.FactorRowOf(column) | (grouped && fields[column] != lastField ? RowBatch.GroupStart : 0);
                    lastField = fields[column];
                    if (_weightRows is not null)
                    {
                        _weightRows.Pointer[at] = numbering.WeightRowOf(column);
                    }

                    if (HasAnyValues)
                    {
                        _values.Pointer[at] = row.ValueAt(entry);
                    }
                }
            }

            if (_offsets is not null)
            {
                _offsets.Pointer[place + 1] = at;
            }
        }
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Entries of a row where all have the same number, else 0.</summary>
    public int Width { get; }

    /// <summary>Whether there are values other than 1.</summary>
    public bool HasAnyValues { get; }

    /// <summary>All rows as a batch, without targets.</summary>
    public RowBatch Batch =>
        new()
        {
            Count = Count,
            Width = Width,
            Entries = _entries.Pointer,
            WeightRows = _weightRows is null ? _entries.Pointer : _weightRows.Pointer,
            Values = _values.Pointer,
            ValueStep = HasAnyValues ? 1 : 0,
            Offsets = _offsets is null ? null : _offsets.Pointer,
        };

    private static int EntriesOf(SparseRows rows, int[]? order)
    {
        var entries = rows.EntryCount;
        if (order is not null)
        {
            entries = 0;
            foreach (var row in order)
            {
                entries += rows[row].Length;
            }
        }

        return entries <= int.MaxValue - RowBatch.Lookahead
            ? (int)entries
            : throw new ArgumentException(
                $"The examples have {entries} entries together; {int.MaxValue - RowBatch.Lookahead} are the most.",
                nameof(rows)
            );
    }

    public void Dispose()
    {
        _entries.Dispose();
        _weightRows?.Dispose();
        _values.Dispose();
        _offsets?.Dispose();
    }
}

/// <summary>Puts the entries of a row together by field, in the order of the fields; of one field, as they came. Reused from row to row.</summary>
internal sealed class FieldOrder(FeatureSpace space)
{
    /// <summary>
    /// Rows with more entries are not sorted by insertion: it suits what is short or nearly in order, and else takes the square of their number.
    /// </summary>
    private const int MostInserted = 64;

    private int[] _order = new int[16];
    private ulong[] _keys = [];

    /// <summary>The entries of a row in their new order; valid until the next call.</summary>
    public ReadOnlySpan<int> Sort(SparseRow row)
    {
        if (_order.Length < row.Length)
        {
            _order = new int[Math.Max(row.Length, 2 * _order.Length)];
        }

        var order = _order.AsSpan(0, row.Length);
        if (row.Length > MostInserted)
        {
            SortByKeys(row, order);
        }
        else
        {
            Insert(row, order);
        }

        return order;
    }

    private void Insert(SparseRow row, Span<int> order)
    {
        var fields = space.ColumnFields;
        for (var e = 0; e < row.Length; e++)
        {
            var field = fields[row.Columns[e]];
            var place = e;
            for (; place > 0 && fields[row.Columns[order[place - 1]]] > field; place--)
            {
                order[place] = order[place - 1];
            }

            order[place] = e;
        }
    }

    /// <summary>Sorts by field and, as the sort itself keeps no order, by entry.</summary>
    private void SortByKeys(SparseRow row, Span<int> order)
    {
        if (_keys.Length < row.Length)
        {
            _keys = new ulong[Math.Max(row.Length, 2 * _keys.Length)];
        }

        var keys = _keys.AsSpan(0, row.Length);
        var fields = space.ColumnFields;
        for (var e = 0; e < keys.Length; e++)
        {
            keys[e] = ((ulong)fields[row.Columns[e]] << 32) | (uint)e;
        }

        keys.Sort();
        for (var place = 0; place < keys.Length; place++)
        {
            order[place] = (int)(uint)keys[place];
        }
    }
}
