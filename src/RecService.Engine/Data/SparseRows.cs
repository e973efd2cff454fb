namespace RecService.Engine.Data;

/// <summary>
/// An immutable block of sparse rows in compressed row storage. Values are left out where all are 1, and offsets where every row has the same number
/// of entries.
/// </summary>
public sealed class SparseRows
{
    private readonly int[] _offsets;
    private readonly int[] _columns;
    private readonly float[] _values;
    private readonly int _width;
    private (int Least, int Greatest)[]? _placeRanges;

    /// <param name="count">Number of rows.</param>
    /// <param name="offsets">First entry of each row and, last, the number of entries; empty when every row has the same number of them.</param>
    /// <param name="columns">Column of each entry, each below <paramref name="columnCount"/>.</param>
    /// <param name="values">Value of each entry, or empty when all are 1.</param>
    /// <param name="columnCount">Upper bound of the columns.</param>
    internal SparseRows(int count, int[] offsets, int[] columns, float[] values, int columnCount)
    {
        _offsets = offsets;
        _columns = columns;
        _values = values;
        _width = count == 0 ? 0 : columns.Length / count;
        Count = count;
        ColumnCount = columnCount;
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Upper bound of the columns: every column is below it.</summary>
    public int ColumnCount { get; }

    /// <summary>Number of entries of all rows.</summary>
    public long EntryCount => _columns.Length;

    /// <summary>Column of each entry, row after row.</summary>
    internal ReadOnlySpan<int> Columns => _columns;

    /// <summary>Value of each entry, or empty when all are 1.</summary>
    internal ReadOnlySpan<float> Values => _values;

    /// <summary>First entry of each row and, last, the number of entries; empty when every row has <see cref="Width"/> entries.</summary>
    internal ReadOnlySpan<int> Offsets => _offsets;

    /// <summary>Number of entries of every row, or null when it is not the same.</summary>
    internal int? Width => _offsets.Length == 0 ? _width : null;

    /// <summary>
    /// For each place of a row, the least and the greatest column that stands there; null unless every row has the same number of entries and all
    /// values are 1.
    /// </summary>
    internal (int Least, int Greatest)[]? PlaceRanges => _placeRanges ??= FindPlaceRanges();

    /// <summary>The entries of one row.</summary>
    public SparseRow this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            var start = OffsetOf(row);
            var length = OffsetOf(row + 1) - start;
            return new SparseRow(_columns.AsSpan(start, length), _values.Length == 0 ? default : _values.AsSpan(start, length));
        }
    }

    /// <summary>
    /// Index of the first entry of <paramref name="row"/> among the entries of all rows; <paramref name="row"/> may be <see cref="Count"/>.
    /// </summary>
    internal int OffsetOf(int row) => _offsets.Length == 0 ? row * _width : _offsets[row];

    private (int Least, int Greatest)[]? FindPlaceRanges()
    {
        if (_offsets.Length > 0 || _values.Length > 0 || Count == 0)
        {
            return null;
        }

        var least = _columns.AsSpan(0, _width).ToArray();
        var greatest = _columns.AsSpan(0, _width).ToArray();
        for (var entry = 0; entry < _columns.Length && _width > 0;)
        {
            for (var place = 0; place < least.Length; place++, entry++)
            {
                least[place] = Math.Min(least[place], _columns[entry]);
                greatest[place] = Math.Max(greatest[place], _columns[entry]);
            }
        }

        return [.. least.Zip(greatest)];
    }

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
    private int[]? _offsets;
    private int[] _columns = new int[16];
    private float[]? _values;
    private int _rows;
    private int _rowCapacity = 16;
    private int _width;
    private int _rowStart;
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

    /// <summary>Number of entries added so far.</summary>
    public int EntryCount => _entries;

    /// <summary>Makes room for so many rows and entries in all. Where the numbers turn out exact, <see cref="Build"/> copies nothing.</summary>
    public void Reserve(int rows, int entries)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(entries);
        _rowCapacity = Math.Max(rows, _rows);
        if (_offsets is not null)
        {
            Array.Resize(ref _offsets, _rowCapacity + 1);
        }

        Resize(Math.Max(entries, _entries));
    }

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
            Grow();
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

    /// <summary>Adds all entries of <paramref name="row"/> and ends the row.</summary>
    public void AddRow(SparseRow row)
    {
        Add(row);
        EndRow();
    }

    /// <summary>Ends the current row, which may be empty.</summary>
    public void EndRow()
    {
        var length = _entries - _rowStart;
        if (_rows == 0)
        {
            _width = length;
        }

        if (_rows == _rowCapacity)
        {
            _rowCapacity = (int)Math.Min(Math.Max(2L * _rowCapacity, 16), Array.MaxLength - 1);
            if (_offsets is not null)
            {
                Array.Resize(ref _offsets, _rowCapacity + 1);
            }
        }

        if (_offsets is null && length != _width)
        {
            _offsets = new int[_rowCapacity + 1];
            for (var row = 1; row <= _rows; row++)
            {
                _offsets[row] = row * _width;
            }
        }

        _rows++;
        _rowStart = _entries;
        if (_offsets is not null)
        {
            _offsets[_rows] = _entries;
        }
    }

    /// <summary>Puts the columns added so far in other places.</summary>
    /// <param name="places">The place of each, not negative.</param>
    internal void MoveColumns(ReadOnlySpan<int> places)
    {
        _maximum = -1;
        foreach (ref var column in _columns.AsSpan(0, _entries))
        {
            column = places[column];
            _maximum = Math.Max(_maximum, column);
        }
    }

    /// <summary>The rows ended so far. The builder can go on and build again.</summary>
    /// <exception cref="InvalidOperationException">Entries were added after the last row ended.</exception>
    public SparseRows Build()
    {
        if (_rowStart != _entries)
        {
            throw new InvalidOperationException($"Row {_rows} has entries but was not ended.");
        }

        return new SparseRows(
            _rows,
            Exactly(_offsets, _rows + 1),
            Exactly(_columns, _entries),
            Exactly(_values, _entries),
            _columnLimit ?? _maximum + 1
        );
    }

    // Full arrays can be handed out, as whatever is added later goes to larger ones.
    private static T[] Exactly<T>(T[]? array, int length) =>
        array is null ? []
        : array.Length == length ? array
        : array.AsSpan(0, length).ToArray();

    private void Grow()
    {
        if (_entries == Array.MaxLength)
        {
            throw new InvalidOperationException($"A block holds at most {Array.MaxLength} entries; split it.");
        }

        Resize((int)Math.Min(Math.Max(2L * _columns.Length, 16), Array.MaxLength));
    }

    private void Resize(int capacity)
    {
        Array.Resize(ref _columns, capacity);
        if (_values is not null)
        {
            Array.Resize(ref _values, capacity);
        }
    }
}
