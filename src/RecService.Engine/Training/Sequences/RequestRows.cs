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
    private readonly List<HistoryWindow<TVector, TLanes>> _windows = [];
    private readonly int[] _eventOfRow;
    private readonly NativeArray<float>[] _pooled;
    private readonly NativeArray<float>[] _pooledSlopes;

    /// <param name="data">The sequences.</param>
    /// <param name="weighted">Whether fields cross with weights.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="mostRows">Rows of a batch at most.</param>
    /// <param name="learns">Whether gradients are passed back.</param>
    public RequestRows(SequenceData data, bool weighted, int stride, int mostRows, bool learns)
    {
        _data = data;
        _itemFields = data.ItemFields;
        _stride = stride;
        _weighted = weighted;
        _eventOfRow = new int[mostRows];
        var (fields, floats) = (data.RequestFields.Length, (nuint)mostRows * (nuint)stride);
        _pooled = [.. Enumerable.Range(0, fields).Select(_ => new NativeArray<float>(floats))];
        _pooledSlopes = learns ? [.. Enumerable.Range(0, weighted ? fields : 1).Select(_ => new NativeArray<float>(floats))] : [];
    }

    /// <summary>The event of a row of the batch.</summary>
    public int EventOf(int row) => _eventOfRow[row];

    /// <summary>Floats of q: as many as of z.</summary>
    public int Length => Parts * _stride;

    private int Parts => _weighted ? Math.Max(1, _itemFields.Length) : 1;

    /// <summary>Pools the fields of the requests of a batch; returns the number of its rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Pool(ReadOnlySpan<Segment> batch, in ParameterTables tables)
    {
        var rows = 0;
        for (var s = 0; s < batch.Length; s++)
        {
            var segment = batch[s];
            var first = rows;
            for (var e = segment.From; e < segment.To; e++)
            {
                if (_data.Set.WeightOf(e) > 0)
                {
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

                _windows[s].Forward(
                    segment,
                    tables,
                    _pooled[_data.HistoryField].Pointer + ((nint)first * _stride),
                    _pooled[_data.RecentField].Pointer + ((nint)first * _stride)
                );
            }

            PoolEntries(_data.Users, _data.Set.UserOf[segment.Sequence], first, rows, tables);
            for (var row = first; row < rows && _data.Contexts is { } contexts; row++)
            {
                PoolEntries(contexts, _data.Set.ContextOf![_eventOfRow[row]], row, row + 1, tables);
            }
        }

        return rows;
    }

    private void PoolEntries(RoleRows block, int blockRow, int first, int end, in ParameterTables tables)
    {
        var entries = block[blockRow];
        for (var e = 0; e < entries.Length; e++)
        {
            var column = entries.Columns[e];
            var field = Array.IndexOf(_data.RequestFields, _data.Space.ColumnFields[column]);
            var vector = tables.Factors + ((nuint)block.FactorOf(column) * tables.FactorBlock);
            for (var row = first; row < end; row++)
            {
                Vectors<TVector, TLanes>.Add(_pooled[field].Pointer + ((nint)row * _stride), vector, entries.ValueAt(e), _stride);
            }
        }
    }

    /// <summary>Passes the gradients of a batch back to users, contexts and histories.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Back(ReadOnlySpan<Segment> batch, GradientSums sums)
    {
        var first = 0;
        for (var s = 0; s < batch.Length; s++)
        {
            var segment = batch[s];
            if (_data.History is not null)
            {
                _windows[s].Backward(
                    sums,
                    SlopesOf(_data.HistoryField) + ((nint)first * _stride),
                    SlopesOf(_data.RecentField) + ((nint)first * _stride)
                );
            }

            BackEntries(_data.Users, _data.Set.UserOf[segment.Sequence], first, first + segment.Rows, sums);
            for (var row = first; row < first + segment.Rows && _data.Contexts is { } contexts; row++)
            {
                BackEntries(contexts, _data.Set.ContextOf![_eventOfRow[row]], row, row + 1, sums);
            }

            first += segment.Rows;
        }
    }

    private void BackEntries(RoleRows block, int blockRow, int first, int end, GradientSums sums)
    {
        var entries = block[blockRow];
        sums.Reserve(entries.Length);
        for (var e = 0; e < entries.Length; e++)
        {
            var column = entries.Columns[e];
            var slopes = SlopesOf(Array.IndexOf(_data.RequestFields, _data.Space.ColumnFields[column]));
            var sum = sums.Of(block.FactorOf(column), column);
            for (var row = first; row < end; row++)
            {
                Vectors<TVector, TLanes>.Add(sum, slopes + ((nint)row * _stride), entries.ValueAt(e), _stride);
            }
        }
    }

    /// <summary>∂L/∂p_f of all rows of the batch.</summary>
    private float* SlopesOf(int field) => _pooledSlopes[_weighted ? field : 0].Pointer;

    /// <summary>q of some rows.</summary>
    public void Query(int from, int count, in ParameterTables tables, float* queries)
    {
        for (var row = 0; row < count; row++)
        {
            var query = queries + ((nint)row * Length);
            Vectors<TVector, TLanes>.Clear(query, Length);
            for (var f = 0; f < _pooled.Length; f++)
            {
                var vector = _pooled[f].Pointer + ((nint)(from + row) * _stride);
                for (var t = 0; t < Parts; t++)
                {
                    Vectors<TVector, TLanes>.Add(query + ((nint)t * _stride), vector, PairWeight(tables, f, t), _stride);
                }
            }
        }
    }

    private float PairWeight(in ParameterTables tables, int f, int t) =>
        _weighted ? tables.Weights[(nuint)FieldPairs.RowOf(tables, _data.RequestFields[f], _itemFields[t]) * tables.WeightBlock] : 1;

    /// <summary>∂L/∂p of the rows from one on, where it is ∂L/∂q: fields cross without weights.</summary>
    public float* SlopesFrom(int row) => _pooledSlopes[0].Pointer + ((nint)row * _stride);

    /// <summary>From ∂L/∂q of some rows, the gradients of their pooled vectors and of the weights with which fields cross.</summary>
    public void BackQueries(int from, int count, float* slopes, GradientSums sums, in ParameterTables tables)
    {
        for (var f = 0; f < _pooled.Length && _weighted; f++)
        {
            for (var row = 0; row < count; row++)
            {
                var at = (nint)(from + row) * _stride;
                Vectors<TVector, TLanes>.Clear(_pooledSlopes[f].Pointer + at, _stride);
                for (var t = 0; t < Parts; t++)
                {
                    var slope = slopes + ((nint)row * Length) + ((nint)t * _stride);
                    Vectors<TVector, TLanes>.Add(_pooledSlopes[f].Pointer + at, slope, PairWeight(tables, f, t), _stride);
                    sums.AddWeight(
                        FieldPairs.RowOf(tables, _data.RequestFields[f], _itemFields[t]),
                        Vectors<TVector, TLanes>.Dot(_pooled[f].Pointer + at, slope, _stride)
                    );
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (var array in _pooled.Concat(_pooledSlopes))
        {
            array.Dispose();
        }

        _windows.ForEach(window => window.Dispose());
    }
}
