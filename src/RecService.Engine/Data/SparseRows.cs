namespace RecService.Engine.Data;

/// <summary>An immutable block of sparse rows in compressed row storage; values are left out where all are 1.</summary>
public sealed class SparseRows
{
    private readonly long[] _offsets;
    private readonly int[] _columns;
    private readonly float[] _values;

    internal SparseRows(long[] offsets, int[] columns, float[] values, int columnCount)
    {
        _offsets = offsets;
        _columns = columns;
        _values = values;
        ColumnCount = columnCount;
    }

    /// <summary>Number of rows.</summary>
    public int Count => _offsets.Length - 1;

    /// <summary>Upper bound of the columns: every column is below it.</summary>
    public int ColumnCount { get; }

    /// <summary>Number of entries of all rows.</summary>
    public long EntryCount => _columns.Length;

    /// <summary>The entries of one row.</summary>
    public SparseRow this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            var start = (int)_offsets[row];
            var length = (int)_offsets[row + 1] - start;
            return new SparseRow(_columns.AsSpan(start, length), _values.Length == 0 ? default : _values.AsSpan(start, length));
        }
    }

    /// <summary>Index of the first entry of <paramref name="row"/> among the entries of all rows; <paramref name="row"/> may be <see cref="Count"/>.</summary>
    internal long OffsetOf(int row) => _offsets[row];

    /// <summary>Rows of a dense matrix in row-major order.</summary>
    /// <param name="dense">rows × columns values.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="keepZeros">Whether zeros become entries, so that every row has all columns.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or a value is not finite.</exception>
    public static SparseRows FromDense(ReadOnlySpan<float> dense, int rows, int columns, bool keepZeros = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (dense.Length != (long)rows * columns)
        {
            throw new ArgumentException($"{rows} × {columns} values are needed, {dense.Length} were given.", nameof(dense));
        }

        var builder = new SparseRowsBuilder(columns);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var value = dense[(row * columns) + column];
                if (keepZeros || value != 0f)
                {
                    builder.Add(column, value);
                }
            }

            builder.EndRow();
        }

        return builder.Build();
    }

    /// <inheritdoc cref="FromDense(ReadOnlySpan{float}, int, int, bool)"/>
    public static SparseRows FromDense(float[,] dense, bool keepZeros = false)
    {
        ArgumentNullException.ThrowIfNull(dense);
        var flat = dense.Length == 0 ? default : System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpan(ref dense[0, 0], dense.Length);
        return FromDense(flat, dense.GetLength(0), dense.GetLength(1), keepZeros);
    }
}

/// <summary>Collects the entries of <see cref="SparseRows"/>, row after row. Not thread-safe.</summary>
public sealed class SparseRowsBuilder
{
    private readonly int? _columnLimit;
    private long[] _offsets = new long[16];
    private int[] _columns = new int[16];
    private float[]? _values;
    private int _rows;
    private int _entries;
    private int _maximum = -1;

    /// <param name="columnCount">Number of columns, when known; else it is one more than the largest column added.</param>
    public SparseRowsBuilder(int? columnCount = null)
    {
        if (columnCount is { } count)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(columnCount));
        }

        _columnLimit = columnCount;
    }

    /// <summary>Number of rows ended so far.</summary>
    public int Count => _rows;

    /// <summary>Adds an entry to the current row.</summary>
    /// <exception cref="ArgumentException">The column is out of range or the value is not finite; the message names the row.</exception>
    public void Add(int column, float value = 1f)
    {
        if (column < 0 || column == int.MaxValue || column >= (_columnLimit ?? int.MaxValue))
        {
            throw new ArgumentException($"Row {_rows} has column {column}, which is out of range.", nameof(column));
        }

        if (!float.IsFinite(value))
        {
            throw new ArgumentException($"Row {_rows} has the value {value} in column {column}; values must be finite.", nameof(value));
        }

        if (_entries == _columns.Length)
        {
            Grow(_entries + 1L);
        }

        if (value != 1f && _values is null)
        {
            _values = new float[_columns.Length];
            _values.AsSpan(0, _entries).Fill(1f);
        }

        _columns[_entries] = column;
        if (_values is not null)
        {
            _values[_entries] = value;
        }

        _entries++;
        _maximum = Math.Max(_maximum, column);
    }

    /// <summary>Adds all entries of <paramref name="row"/> to the current row.</summary>
    public void Add(SparseRow row)
    {
        for (var entry = 0; entry < row.Length; entry++)
        {
            Add(row.Columns[entry], row.ValueAt(entry));
        }
    }

    /// <summary>Ends the current row, which may be empty.</summary>
    public void EndRow()
    {
        if (_rows + 1 == _offsets.Length)
        {
            Array.Resize(ref _offsets, (int)Math.Min(2L * _offsets.Length, Array.MaxLength));
        }

        _offsets[++_rows] = _entries;
    }

    /// <summary>The rows ended so far. The builder can go on and build again.</summary>
    /// <exception cref="InvalidOperationException">Entries were added after the last row ended.</exception>
    public SparseRows Build()
    {
        if (_offsets[_rows] != _entries)
        {
            throw new InvalidOperationException($"Row {_rows} has entries but was not ended.");
        }

        return new SparseRows(
            _offsets.AsSpan(0, _rows + 1).ToArray(),
            _columns.AsSpan(0, _entries).ToArray(),
            _values is null ? [] : _values.AsSpan(0, _entries).ToArray(),
            _columnLimit ?? _maximum + 1);
    }

    private void Grow(long needed)
    {
        if (needed > Array.MaxLength)
        {
            throw new InvalidOperationException($"A block holds at most {Array.MaxLength} entries; split it.");
        }

        var size = (int)Math.Min(2L * _columns.Length, Array.MaxLength);
        Array.Resize(ref _columns, size);
        if (_values is not null)
        {
            Array.Resize(ref _values, size);
        }
    }
}
