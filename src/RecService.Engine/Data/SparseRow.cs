namespace RecService.Engine.Data;

/// <summary>
/// One row of a design matrix: entries (column, value), in any order. Empty <see cref="Values"/> mean that every value is 1.
/// </summary>
/// <remarks>
/// A column may stand in a row twice. In a field-pooled model its values then add up, in a plain one the two entries also cross with each other.
/// </remarks>
public readonly ref struct SparseRow
{
    /// <exception cref="ArgumentException">There are values, but not one for each column.</exception>
    public SparseRow(ReadOnlySpan<int> columns, ReadOnlySpan<float> values = default)
    {
        if (!values.IsEmpty && values.Length != columns.Length)
        {
            throw new ArgumentException($"A row has {columns.Length} columns but {values.Length} values.", nameof(values));
        }

        Columns = columns;
        Values = values;
    }

    /// <summary>Column of each entry.</summary>
    public ReadOnlySpan<int> Columns { get; }

    /// <summary>Value of each entry, or empty when all are 1.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>Number of entries.</summary>
    public int Length => Columns.Length;

    /// <summary>Value of an entry, whether stored or implied.</summary>
    public float ValueAt(int entry) => Values.IsEmpty ? 1f : Values[entry];
}

/// <summary>A row that is filled again and again without allocating. Not thread-safe.</summary>
public sealed class RowBuffer
{
    private int[] _columns = new int[16];
    private float[] _values = new float[16];
    private int _count;
    private bool _ones = true;

    /// <summary>The entries added since the last <see cref="Clear"/>; valid until the buffer changes.</summary>
    public SparseRow Row => new(_columns.AsSpan(0, _count), _ones ? default : _values.AsSpan(0, _count));

    /// <summary>Number of entries.</summary>
    public int Count => _count;

    /// <summary>Removes all entries.</summary>
    public void Clear()
    {
        _count = 0;
        _ones = true;
    }

    /// <summary>Adds an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is negative or the value is not finite.</exception>
    public void Add(int column, float value = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(column);
        if (!float.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, $"The value of column {column} is not finite.");
        }

        Reserve(1);
        if (value != 1f)
        {
            StoreValues();
        }

        _columns[_count] = column;
        if (!_ones)
        {
            _values[_count] = value;
        }

        _count++;
    }

    /// <summary>Adds all entries of <paramref name="row"/>.</summary>
    public void Append(SparseRow row)
    {
        Reserve(row.Length);
        if (!row.Values.IsEmpty)
        {
            StoreValues();
        }

        row.Columns.CopyTo(_columns.AsSpan(_count));
        if (!_ones)
        {
            var values = _values.AsSpan(_count, row.Length);
            if (row.Values.IsEmpty)
            {
                values.Fill(1f);
            }
            else
            {
                row.Values.CopyTo(values);
            }
        }

        _count += row.Length;
    }

    private void StoreValues()
    {
        if (_ones)
        {
            _values.AsSpan(0, _count).Fill(1f);
            _ones = false;
        }
    }

    private void Reserve(int more)
    {
        var needed = checked(_count + more);
        if (needed > _columns.Length)
        {
            var size = (int)Math.Min(Math.Max(2L * _columns.Length, needed), Array.MaxLength);
            Array.Resize(ref _columns, size);
            Array.Resize(ref _values, size);
        }
    }
}
