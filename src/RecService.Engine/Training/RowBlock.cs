using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>A block of sparse rows in terms of parameter rows, as the kernels read them. 4 bytes an entry, 4 more where values differ from 1 and where columns share latent vectors.</summary>
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
    public RowBlock(FeatureSpace space, SparseRows rows, int[]? order, RowNumbering numbering, bool grouped)
    {
        Count = order?.Length ?? rows.Count;
        var entryCount = rows.EntryCount;
        Width = WidthOf(rows);
        _entries = new((nuint)(entryCount + RowBatch.Lookahead));
        _weightRows = numbering.IsSingle ? null : new((nuint)(entryCount + RowBatch.Lookahead));
        HasAnyValues = HasValues(rows);
        _values = HasAnyValues ? new((nuint)entryCount) : NativeArray<float>.Of(1);
        _offsets = Width > 0 ? null : new((nuint)Count + 1);
        var row = new FieldOrder(space);
        var at = 0;
        for (var place = 0; place < Count; place++)
        {
            var source = rows[order is null ? place : order[place]];
            var sorted = grouped ? row.Sort(source) : default;
            var lastField = -1;
            for (var e = 0; e < source.Length; e++)
            {
                var entry = grouped ? sorted[e] : e;
                var column = source.Columns[entry];
                var field = space.ColumnFields[column];
                _entries.Pointer[at] = numbering.FactorRowOf(column) | (grouped && field != lastField ? RowBatch.GroupStart : 0);
                lastField = field;
                if (_weightRows is not null)
                {
                    _weightRows.Pointer[at] = numbering.WeightRowOf(column);
                }

                if (HasAnyValues)
                {
                    _values.Pointer[at] = source.ValueAt(entry);
                }

                at++;
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
    public RowBatch Batch => new()
    {
        Count = Count,
        Width = Width,
        Entries = _entries.Pointer,
        WeightRows = _weightRows is null ? _entries.Pointer : _weightRows.Pointer,
        Values = _values.Pointer,
        ValueStep = HasAnyValues ? 1 : 0,
        Offsets = _offsets is null ? null : _offsets.Pointer,
    };

    public void Dispose()
    {
        _entries.Dispose();
        _weightRows?.Dispose();
        _values.Dispose();
        _offsets?.Dispose();
    }

    private static int WidthOf(SparseRows rows)
    {
        if (rows.Count == 0 || rows.EntryCount % rows.Count != 0)
        {
            return 0;
        }

        var width = rows[0].Length;
        for (var r = 1; r < rows.Count; r++)
        {
            if (rows[r].Length != width)
            {
                return 0;
            }
        }

        return width;
    }

    private static bool HasValues(SparseRows rows) => rows.Count > 0 && rows.EntryCount > 0 && Enumerable.Range(0, rows.Count).Any(r => !rows[r].Values.IsEmpty);
}

/// <summary>Puts the entries of a row together by field, in the order of the fields; of one field, as they came. Reused from row to row.</summary>
internal sealed class FieldOrder(FeatureSpace space)
{
    private int[] _order = new int[16];

    /// <summary>The entries of a row in their new order; valid until the next call.</summary>
    public ReadOnlySpan<int> Sort(SparseRow row)
    {
        if (_order.Length < row.Length)
        {
            _order = new int[Math.Max(row.Length, 2 * _order.Length)];
        }

        var fields = space.ColumnFields;
        for (var e = 0; e < row.Length; e++)
        {
            // By insertion: rows are short, and mostly in order.
            var field = fields[row.Columns[e]];
            var place = e;
            for (; place > 0 && fields[row.Columns[_order[place - 1]]] > field; place--)
            {
                _order[place] = _order[place - 1];
            }

            _order[place] = e;
        }

        return _order.AsSpan(0, row.Length);
    }
}
