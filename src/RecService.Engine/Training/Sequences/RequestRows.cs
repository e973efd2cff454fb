using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>What the rows of a batch are but for their items: the pooled vectors of users, contexts and histories, and q of each row.</summary>
internal sealed unsafe class RequestRows<TVector, TLanes> : IDisposable
    where TLanes : ILanes<TVector>
{
    private readonly SequenceData _data;
    private readonly int[] _itemFields;
    private readonly int _stride;
    private readonly bool _weighted;
    private readonly bool _constants;
    private readonly List<HistoryWindow<TVector, TLanes>> _windows = [];
    private readonly int[] _eventOfRow;
    private readonly int[] _segmentOfRow;
    private readonly List<int> _firstRows = [];
    private readonly NativeArray<float>[] _pooled;
    private readonly NativeArray<float>[] _pooledSlopes;
    private readonly NativeArray<float> _linear;
    private readonly NativeArray<float> _linearSlopes;

    /// <param name="data">The sequences.</param>
    /// <param name="weighted">Whether fields cross with weights.</param>
    /// <param name="constants">Whether it matters what the scores of a row have in common: the bias, linear terms, and pairs of the fields here.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="mostRows">Rows of a batch at most.</param>
    public RequestRows(SequenceData data, bool weighted, bool constants, int stride, int mostRows)
    {
        _data = data;
        _itemFields = data.ItemFields;
        _stride = stride;
        _weighted = weighted;
        _constants = constants;
        _eventOfRow = new int[mostRows];
        _segmentOfRow = new int[mostRows];
        var (fields, floats) = (data.RequestFields.Length, (nuint)mostRows * (nuint)stride);
        _pooled = [.. Enumerable.Range(0, fields).Select(_ => new NativeArray<float>(floats))];
        // Where fields cross alike and only with items, ∂L/∂p is the same for all: ∂L/∂q.
        _pooledSlopes = [.. Enumerable.Range(0, weighted || constants ? fields : 1).Select(_ => new NativeArray<float>(floats))];
        _linear = new((nuint)(constants ? mostRows : 0));
        _linearSlopes = new((nuint)(constants ? mostRows : 0));
    }

    /// <summary>Floats of q: as many as of z.</summary>
    public int Length => Parts * _stride;

    private int Parts => _weighted ? Math.Max(1, _itemFields.Length) : 1;

    private bool HasSlopesByField => _weighted || _constants;

    /// <summary>The event of a row of the batch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int EventOf(int row) => _eventOfRow[row];

    /// <summary>The segment of a row of the batch.</summary>
    public int SegmentOf(int row) => _segmentOfRow[row];

    /// <summary>The history of a row of the batch, and the row's number in it.</summary>
    public (HistoryWindow<TVector, TLanes> Window, int Row) WindowOf(int row) =>
        (_windows[_segmentOfRow[row]], row - _firstRows[_segmentOfRow[row]]);

    /// <summary>Pools the fields of a batch's rows; returns how many they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Pool(ReadOnlySpan<Segment> batch, in ParameterTables tables)
    {
        var rows = 0;
        _firstRows.Clear();
        for (var s = 0; s < batch.Length; s++)
        {
            var segment = batch[s];
            var first = rows;
            _firstRows.Add(first);
            for (var e = segment.From; e < segment.To; e++)
            {
                if (_data.Set.WeightOf(e) > 0)
                {
                    _segmentOfRow[rows] = s;
                    _eventOfRow[rows++] = e;
                }
            }

            for (var f = 0; f < _pooled.Length; f++)
            {
                if (f != _data.HistoryField && f != _data.RecentField)
                {
                    new Span<float>(_pooled[f].Pointer + ((nint)first * _stride), (rows - first) * _stride).Clear();
                }
            }

            if (_data.History is not null)
            {
                if (_windows.Count == s)
                {
                    _windows.Add(new(_data, _stride));
                }

                _windows[s].Forward(segment, tables, PooledOf(_data.HistoryField, first), PooledOf(_data.RecentField, first));
            }

            if (_constants)
            {
                new Span<float>(_linear.Pointer + first, rows - first).Fill(*tables.Bias);
            }

            PoolEntries(_data.Users, _data.Set.UserOf[segment.Sequence], first, rows, tables);
            for (var row = first; row < rows && _data.Contexts is { } contexts; row++)
            {
                PoolEntries(contexts, _data.Set.ContextOf![_eventOfRow[row]], row, row + 1, tables);
            }
        }

        return rows;
    }

    /// <summary>q of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Query(int from, int count, in ParameterTables tables, float* queries)
    {
        for (var row = 0; row < count; row++)
        {
            var query = queries + ((nint)row * Length);
            Vectors<TVector, TLanes>.Clear(query, Length);
            for (var f = 0; f < _pooled.Length; f++)
            {
                for (var t = 0; t < Parts; t++)
                {
                    Vectors<TVector, TLanes>.Add(query + ((nint)t * _stride), PooledOf(f, from + row), PairWeight(tables, f, t), _stride);
                }
            }
        }
    }

    /// <summary>What the scores of a row have in common.</summary>
    public float ConstantOf(int row, in ParameterTables tables)
    {
        var constant = _linear.Pointer[row];
        for (var f = 0; f < _pooled.Length; f++)
        {
            for (var g = f + 1; g < _pooled.Length; g++)
            {
                constant += RequestPairWeight(tables, f, g) * Vectors<TVector, TLanes>.Dot(PooledOf(f, row), PooledOf(g, row), _stride);
            }
        }

        return constant;
    }

    /// <summary>∂L/∂q of the rows from one on is to be put here, where <see cref="BackQueries"/> would have no more to do than to take it.</summary>
    /// <returns>Null where it has.</returns>
    public float* SlopesFrom(int row) => HasSlopesByField ? null : _pooledSlopes[0].Pointer + ((nint)row * _stride);

    /// <summary>From ∂L/∂q of some rows, the gradients of their pooled vectors and of the weights with which fields cross.</summary>
    /// <param name="from">First of the rows.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="slopes">∂L/∂q of each.</param>
    /// <param name="constantSlopes">∂L/∂ of what the scores of each have in common; null where it does not matter.</param>
    /// <param name="sums">Receives the gradients of weights.</param>
    /// <param name="tables">The parameters.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void BackQueries(int from, int count, float* slopes, float* constantSlopes, GradientSums sums, in ParameterTables tables)
    {
        for (var f = 0; f < _pooled.Length && HasSlopesByField; f++)
        {
            for (var row = 0; row < count; row++)
            {
                var own = SlopesOf(f, from + row);
                Vectors<TVector, TLanes>.Clear(own, _stride);
                for (var t = 0; t < Parts; t++)
                {
                    var slope = slopes + ((nint)row * Length) + ((nint)t * _stride);
                    Vectors<TVector, TLanes>.Add(own, slope, PairWeight(tables, f, t), _stride);
                    if (_weighted)
                    {
                        sums.AddWeight(
                            FieldPairs.RowOf(tables, _data.RequestFields[f], _itemFields[t]),
                            Vectors<TVector, TLanes>.Dot(PooledOf(f, from + row), slope, _stride)
                        );
                    }
                }

                for (var g = 0; g < _pooled.Length && _constants; g++)
                {
                    if (g == f)
                    {
                        continue;
                    }

                    Vectors<TVector, TLanes>.Add(own, PooledOf(g, from + row), constantSlopes[row] * RequestPairWeight(tables, f, g), _stride);
                    if (_weighted && f < g)
                    {
                        sums.AddWeight(
                            FieldPairs.RowOf(tables, _data.RequestFields[f], _data.RequestFields[g]),
                            constantSlopes[row] * Vectors<TVector, TLanes>.Dot(PooledOf(f, from + row), PooledOf(g, from + row), _stride)
                        );
                    }
                }
            }
        }

        if (_constants)
        {
            new Span<float>(constantSlopes, count).CopyTo(new(_linearSlopes.Pointer + from, count));
        }
    }

    /// <summary>Passes the gradients of a batch back to users, contexts and histories.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Back(ReadOnlySpan<Segment> batch, GradientSums sums, in ParameterTables tables)
    {
        for (var s = 0; s < batch.Length; s++)
        {
            var segment = batch[s];
            var (first, end) = (_firstRows[s], _firstRows[s] + segment.Rows);
            if (_data.History is not null)
            {
                _windows[s].Backward(sums, SlopesOf(_data.HistoryField, first), SlopesOf(_data.RecentField, first));
            }

            BackEntries(_data.Users, _data.Set.UserOf[segment.Sequence], first, end, sums);
            for (var row = first; row < end && _data.Contexts is { } contexts; row++)
            {
                BackEntries(contexts, _data.Set.ContextOf![_eventOfRow[row]], row, row + 1, sums);
            }

            for (var row = first; row < end && _constants; row++)
            {
                sums.AddWeight((int)tables.WeightRowAt(tables.Bias), _linearSlopes.Pointer[row]);
            }
        }
    }

    public void Dispose()
    {
        foreach (var array in _pooled.Concat(_pooledSlopes).Append(_linear).Append(_linearSlopes))
        {
            array.Dispose();
        }

        _windows.ForEach(window => window.Dispose());
    }

    private float* PooledOf(int field, int row) => _pooled[field].Pointer + ((nint)row * _stride);

    private float* SlopesOf(int field, int row) => _pooledSlopes[HasSlopesByField ? field : 0].Pointer + ((nint)row * _stride);

    private float PairWeight(in ParameterTables tables, int f, int t) =>
        _weighted ? tables.Weights[(nuint)FieldPairs.RowOf(tables, _data.RequestFields[f], _itemFields[t]) * tables.WeightBlock] : 1;

    private float RequestPairWeight(in ParameterTables tables, int f, int g) =>
        _weighted ? tables.Weights[(nuint)FieldPairs.RowOf(tables, _data.RequestFields[f], _data.RequestFields[g]) * tables.WeightBlock] : 1;

    private void PoolEntries(RoleRows block, int blockRow, int first, int end, in ParameterTables tables)
    {
        var entries = block[blockRow];
        for (var e = 0; e < entries.Length; e++)
        {
            var column = entries.Columns[e];
            var field = _data.RequestFieldOf(column);
            var vector = tables.Factors + ((nuint)block.FactorOf(column) * tables.FactorBlock);
            for (var row = first; row < end; row++)
            {
                Vectors<TVector, TLanes>.Add(PooledOf(field, row), vector, entries.ValueAt(e), _stride);
                if (_constants)
                {
                    _linear.Pointer[row] += tables.Weights[(nuint)column * tables.WeightBlock] * entries.ValueAt(e);
                }
            }
        }
    }

    private void BackEntries(RoleRows block, int blockRow, int first, int end, GradientSums sums)
    {
        var entries = block[blockRow];
        sums.Reserve(entries.Length);
        for (var e = 0; e < entries.Length; e++)
        {
            var column = entries.Columns[e];
            var field = _data.RequestFieldOf(column);
            var sum = sums.Of(block.FactorOf(column), column);
            for (var row = first; row < end; row++)
            {
                Vectors<TVector, TLanes>.Add(sum, SlopesOf(field, row), entries.ValueAt(e), _stride);
                if (_constants)
                {
                    sums.AddWeight(column, _linearSlopes.Pointer[row] * entries.ValueAt(e));
                }
            }
        }
    }
}
