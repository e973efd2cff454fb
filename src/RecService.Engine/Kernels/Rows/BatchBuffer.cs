using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels.Rows;

/// <summary>
/// Where a thread puts a batch together, in terms of its own replicas of hot rows. Grows to the largest batch and is reused. Not thread-safe.
/// </summary>
internal sealed unsafe class BatchBuffer : IDisposable
{
    private NativeArray<int> _entries = new(4096);
    private NativeArray<int> _weightRows = new(4096);
    private NativeArray<float> _values = new(4096);
    private NativeArray<int> _offsets = new(1025);
    private NativeArray<float> _targets = new(1024);
    private NativeArray<float> _weights = new(1024);
    private readonly NativeArray<float> _one = NativeArray<float>.Of(1);
    private FieldOrder? _order;
    private bool _hasValues;
    private bool _hasWeightRows;
    private bool _hasWeights;
    private int _width;
    private int _rows;
    private int _count;

    /// <summary>Rows of hot latent vectors, and what leads from one to this thread's replica.</summary>
    public int HotFactors { get; init; }

    public int FactorOffset { get; init; }

    /// <summary>Hot weight rows, and what leads from one to this thread's replica.</summary>
    public int HotWeights { get; init; }

    public int WeightOffset { get; init; }

    /// <summary>Whether hot rows have replicas.</summary>
    public bool HasReplicas => HotFactors > 0 || HotWeights > 0;

    /// <summary>Where rows of several blocks are joined.</summary>
    public RowBuffer Joined { get; } = new();

    /// <summary>Begins an empty batch.</summary>
    public void Start(bool hasValues, bool hasWeightRows, bool hasWeights, int width)
    {
        (_hasValues, _hasWeightRows, _hasWeights, _width) = (hasValues, hasWeightRows, hasWeights, width);
        (_rows, _count) = (0, 0);
        _offsets.Pointer[0] = 0;
    }

    /// <summary>Entries so far.</summary>
    public int EntryCount => _count;

    /// <summary>Appends entries that are there already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Repeat(int first, int count)
    {
        Reserve(count);
        for (var e = 0; e < count; e++)
        {
            _entries.Pointer[_count + e] = _entries.Pointer[first + e];
        }

        if (_hasWeightRows)
        {
            new Span<int>(_weightRows.Pointer + first, count).CopyTo(new(_weightRows.Pointer + _count, count));
        }

        if (_hasValues)
        {
            new Span<float>(_values.Pointer + first, count).CopyTo(new(_values.Pointer + _count, count));
        }

        _count += count;
    }

    /// <summary>Appends a row of a block to the current row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Append(in RowBatch block, int row)
    {
        var start = block.Offsets is null ? row * (nint)block.Width : block.Offsets[row];
        var length = block.Offsets is null ? block.Width : block.Offsets[row + 1] - (int)start;
        Reserve(length);
        var entries = block.Entries + start;
        var toEntries = _entries.Pointer + _count;
        var (hot, offset) = (HotFactors, FactorOffset);
        for (var e = 0; e < length; e++)
        {
            var entry = entries[e];
            toEntries[e] = entry + ((entry & RowBatch.RowMask) < hot ? offset : 0);
        }

        if (_hasWeightRows)
        {
            var weightRows = block.WeightRows + start;
            var toWeightRows = _weightRows.Pointer + _count;
            for (var e = 0; e < length; e++)
            {
                toWeightRows[e] = weightRows[e] + (weightRows[e] < HotWeights ? WeightOffset : 0);
            }
        }

        if (_hasValues)
        {
            var toValues = _values.Pointer + _count;
            for (var e = 0; e < length; e++)
            {
                toValues[e] = block.Values[(start + e) * block.ValueStep];
            }
        }

        _count += length;
    }

    /// <summary>Appends the entries of a row, put together by field where they are pooled.</summary>
    public void Append(SparseRow row, bool grouped, FeatureSpace space, RowNumbering numbering)
    {
        Reserve(row.Length);
        var fields = space.ColumnFields;
        var order = grouped ? (_order ??= new(space)).Sort(row) : default;
        var lastField = -1;
        for (var e = 0; e < row.Length; e++, _count++)
        {
            var entry = grouped ? order[e] : e;
            var column = row.Columns[entry];
            var factorRow = numbering.FactorRowOf(column);
            _entries.Pointer[_count] =
                (factorRow + (factorRow < HotFactors ? FactorOffset : 0)) | (grouped && fields[column] != lastField ? RowBatch.GroupStart : 0);
            lastField = fields[column];
            if (_hasWeightRows)
            {
                var weightRow = numbering.WeightRowOf(column);
                _weightRows.Pointer[_count] = weightRow + (weightRow < HotWeights ? WeightOffset : 0);
            }

            if (_hasValues)
            {
                _values.Pointer[_count] = row.ValueAt(entry);
            }
        }
    }

    /// <summary>Ends the current row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndRow(float target, float weight)
    {
        if ((nuint)_rows == _targets.Length)
        {
            Grow(ref _targets, _rows + 1);
            Grow(ref _weights, _rows + 1);
            Grow(ref _offsets, _rows + 2);
        }

        _targets.Pointer[_rows] = target;
        _weights.Pointer[_rows] = weight;
        _offsets.Pointer[++_rows] = _count;
    }

    /// <summary>The rows ended since <see cref="Start"/>.</summary>
    public RowBatch ToBatch()
    {
        // What may be read ahead has to lead somewhere.
        NativeMemory.Clear(_entries.Pointer + _count, RowBatch.Lookahead * sizeof(int));
        NativeMemory.Clear(_weightRows.Pointer + _count, RowBatch.Lookahead * sizeof(int));
        return new()
        {
            Count = _rows,
            Width = _width,
            Entries = _entries.Pointer,
            WeightRows = _hasWeightRows ? _weightRows.Pointer : _entries.Pointer,
            Values = _hasValues ? _values.Pointer : _one.Pointer,
            ValueStep = _hasValues ? 1 : 0,
            Offsets = _width > 0 ? null : _offsets.Pointer,
            Targets = _targets.Pointer,
            Weights = _hasWeights ? _weights.Pointer : null,
        };
    }

    /// <summary>The same batch with this thread's replicas of hot rows.</summary>
    public RowBatch Localise(RowBatch batch)
    {
        var first = batch.Offsets is null ? 0 : batch.Offsets[0];
        var count = (batch.Offsets is null ? batch.Count * batch.Width : batch.Offsets[batch.Count] - first) + RowBatch.Lookahead;
        Grow(ref _entries, count);
        Localise(batch.Entries + first, _entries.Pointer, count, HotFactors, FactorOffset);
        var hasWeightRows = batch.WeightRows != batch.Entries;
        if (hasWeightRows)
        {
            Grow(ref _weightRows, count);
            Localise(batch.WeightRows + first, _weightRows.Pointer, count, HotWeights, WeightOffset);
        }

        batch.Entries = _entries.Pointer - first;
        batch.WeightRows = hasWeightRows ? _weightRows.Pointer - first : batch.Entries;
        return batch;
    }

    public void Dispose()
    {
        _entries.Dispose();
        _weightRows.Dispose();
        _values.Dispose();
        _one.Dispose();
        _offsets.Dispose();
        _targets.Dispose();
        _weights.Dispose();
    }

    private static void Localise(int* source, int* target, int count, int hot, int offset)
    {
        var (rows, limit, shift) = (new Vector<int>(RowBatch.RowMask), new Vector<int>(hot), new Vector<int>(offset));
        var e = 0;
        for (; e + Vector<int>.Count <= count; e += Vector<int>.Count)
        {
            var entries = Vector.Load(source + e);
            Vector.Store(entries + (Vector.LessThan(entries & rows, limit) & shift), target + e);
        }

        for (; e < count; e++)
        {
            target[e] = source[e] + ((source[e] & RowBatch.RowMask) < hot ? offset : 0);
        }
    }

    /// <summary>Makes room for more entries, and for those that are read ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reserve(int more)
    {
        if ((uint)(_count + more + RowBatch.Lookahead) > _values.Length)
        {
            GrowEntries(checked(_count + more + RowBatch.Lookahead));
        }
    }

    private void GrowEntries(int needed)
    {
        Grow(ref _entries, needed);
        Grow(ref _weightRows, needed);
        Grow(ref _values, needed);
    }

    private static void Grow<T>(ref NativeArray<T> array, int length)
        where T : unmanaged
    {
        if ((nuint)length <= array.Length)
        {
            return;
        }

        var larger = new NativeArray<T>(Math.Max((nuint)length, 2 * array.Length));
        NativeMemory.Copy(array.Pointer, larger.Pointer, array.Length * (nuint)sizeof(T));
        array.Dispose();
        array = larger;
    }
}
