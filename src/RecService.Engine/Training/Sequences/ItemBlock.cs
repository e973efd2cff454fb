using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// The items of a block, each once: first its negatives, then the targets that are none of them, with z and c of each, so that a score is c + ⟨q, z⟩.
/// </summary>
internal sealed unsafe class ItemBlock<TVector, TLanes> : IDisposable
    where TLanes : ILanes<TVector>
{
    /// <summary>Items ahead whose latent vectors are fetched.</summary>
    private const int FetchAhead = 6;

    private readonly SequenceData _data;
    private readonly RoleRows _rows;
    private readonly bool _weighted;
    private readonly int _stride;
    private readonly int _parts;
    private readonly NativeArray<int> _slotOfItem;
    private readonly NativeArray<float> _fields;
    private readonly NativeArray<float> _vectors;
    private readonly NativeArray<float> _constants;
    private readonly NativeArray<float> _slopes;
    private readonly NativeArray<float> _gradients;
    private readonly NativeArray<float> _scratch;
    private readonly int[] _partOfField;
    private readonly int[] _items;
    private readonly bool[] _withoutOwn;
    private int _count;

    /// <param name="data">The items.</param>
    /// <param name="weighted">Whether fields cross with weights.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="most">Items at most.</param>
    public ItemBlock(SequenceData data, bool weighted, int stride, int most)
    {
        _data = data;
        _rows = data.Items;
        _weighted = weighted;
        _stride = stride;
        _parts = data.ItemFields.Length;
        Length = (weighted ? Math.Max(1, _parts) : 1) * stride;
        _partOfField = new int[data.Space.FieldCount];
        for (var part = 0; part < _parts; part++)
        {
            _partOfField[data.ItemFields[part]] = part;
        }

        _items = new int[most];
        _withoutOwn = new bool[most];
        _slotOfItem = new((nuint)_rows.Count);
        _vectors = new((nuint)most * (nuint)Length);
        _fields = new(IsSingle || weighted ? 0 : (nuint)most * (nuint)(_parts * stride));
        _constants = new((nuint)most);
        _slopes = new((nuint)most);
        _gradients = new(IsSingle ? 0 : (nuint)most * (nuint)Length);
        _scratch = new((nuint)(stride * Math.Max(1, _parts)));
    }

    /// <summary>Floats of z: a latent vector, or where fields cross with weights one for each field of items.</summary>
    public int Length { get; }

    /// <summary>Number of items.</summary>
    public int Count => _count;

    /// <summary>z of each item.</summary>
    public float* Vectors => _vectors.Pointer;

    /// <summary>c of each item.</summary>
    public float* Constants => _constants.Pointer;

    /// <summary>∂L/∂c of each item, for <see cref="Backward"/>.</summary>
    public float* Slopes => _slopes.Pointer;

    private bool IsSingle => _rows.IsSingle;

    /// <summary>Number of an item in the block; −1 when it is not there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(int item) => _slotOfItem.Pointer[item] - 1;

    public int ItemAt(int slot) => _items[slot];

    public void Clear()
    {
        for (var slot = 0; slot < _count; slot++)
        {
            _slotOfItem.Pointer[_items[slot]] = 0;
        }

        _count = 0;
    }

    /// <summary>Number of an item, which is a new one where the item is.</summary>
    public int Add(int item)
    {
        var slot = Find(item);
        if (slot < 0)
        {
            slot = _count++;
            _items[slot] = item;
            _slotOfItem.Pointer[item] = _count;
        }

        return slot;
    }

    /// <summary>Computes z and c of all items.</summary>
    /// <param name="tables">The parameters.</param>
    /// <param name="random">Draws the items that are taken without what they alone have; null for none.</param>
    /// <param name="idDropout">How often an item is.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(in ParameterTables tables, RandomSource? random = null, float idDropout = 0)
    {
        if (IsSingle)
        {
            for (var slot = 0; slot < _count; slot++)
            {
                if (slot + FetchAhead < _count)
                {
                    _rows.Fetch(_items[slot + FetchAhead], tables);
                }

                var column = _rows.ColumnOf(_items[slot]);
                var from = tables.Factors + ((nuint)_rows.FactorOf(column) * tables.FactorBlock);
                var to = _vectors.Pointer + ((nint)slot * Length);
                for (var d = 0; d < _stride; d += TLanes.Width)
                {
                    TLanes.Store(TLanes.Load(from + d), to + d);
                }

                _constants.Pointer[slot] = tables.Weights[(nuint)column * tables.WeightBlock];
            }

            return;
        }

        for (var slot = 0; slot < _count; slot++)
        {
            if (slot + FetchAhead < _count)
            {
                _rows.Fetch(_items[slot + FetchAhead], tables);
            }

            var linear = 0f;
            var fields = FieldsOf(slot);
            Vectors<TVector, TLanes>.Clear(fields, _parts * _stride);
            var row = _rows[_items[slot]];
            _withoutOwn[slot] = idDropout > 0 && random is not null && _rows.HasOwnAndShared(_items[slot]) && random.NextDouble() < idDropout;
            for (var e = 0; e < row.Length; e++)
            {
                if (IsLeftOut(slot, row.Columns[e]))
                {
                    continue;
                }

                var (column, x) = (row.Columns[e], row.ValueAt(e));
                linear += tables.Weights[(nuint)column * tables.WeightBlock] * x;
                Vectors<TVector, TLanes>.Add(
                    fields + ((nint)_partOfField[_data.Space.ColumnFields[column]] * _stride),
                    tables.Factors + ((nuint)_rows.FactorOf(column) * tables.FactorBlock),
                    x,
                    _stride
                );
            }

            for (var t = 0; t < _parts; t++)
            {
                for (var u = t + 1; u < _parts; u++)
                {
                    linear +=
                        WeightOf(tables, t, u) * Vectors<TVector, TLanes>.Dot(fields + ((nint)t * _stride), fields + ((nint)u * _stride), _stride);
                }
            }

            _constants.Pointer[slot] = linear;
            if (!_weighted)
            {
                var vector = _vectors.Pointer + ((nint)slot * Length);
                Vectors<TVector, TLanes>.Clear(vector, _stride);
                for (var t = 0; t < _parts; t++)
                {
                    Vectors<TVector, TLanes>.Add(vector, fields + ((nint)t * _stride), 1, _stride);
                }
            }
        }
    }

    /// <summary>Where ∂L/∂z of each item is to be put, 0 or not, before <see cref="Backward"/>.</summary>
    /// <param name="sums">Sums, none yet.</param>
    public float* Gradients(GradientSums sums)
    {
        if (!IsSingle)
        {
            return _gradients.Pointer;
        }

        // The sums are those of the items' columns, in the same order.
        sums.Reserve(_count);
        for (var slot = 0; slot < _count; slot++)
        {
            var column = _rows.ColumnOf(_items[slot]);
            sums.Of(_rows.FactorOf(column), column);
        }

        return sums.Vectors;
    }

    /// <summary>Passes the gradients of z and c back to the items' columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(GradientSums sums, in ParameterTables tables)
    {
        for (var slot = 0; slot < _count; slot++)
        {
            if (!_withoutOwn[slot])
            {
                _rows.BackLinear(_items[slot], sums, _slopes.Pointer[slot]);
                continue;
            }

            var row = _rows[_items[slot]];
            for (var e = 0; e < row.Length; e++)
            {
                if (!_rows.IsOwn(row.Columns[e]))
                {
                    sums.AddWeight(row.Columns[e], _slopes.Pointer[slot] * row.ValueAt(e));
                }
            }
        }

        if (IsSingle)
        {
            return;
        }

        sums.Reserve(_count * _rows.MaximumEntries);
        for (var slot = 0; slot < _count; slot++)
        {
            var fields = FieldsOf(slot);
            var gradient = _gradients.Pointer + ((nint)slot * Length);
            var slope = _slopes.Pointer[slot];
            for (var t = 0; t < _parts; t++)
            {
                var ofField = _scratch.Pointer + ((nint)t * _stride);
                Vectors<TVector, TLanes>.Scale(ofField, gradient + (_weighted ? (nint)t * _stride : 0), 1, _stride);
                for (var u = 0; u < _parts; u++)
                {
                    if (u != t)
                    {
                        Vectors<TVector, TLanes>.Add(ofField, fields + ((nint)u * _stride), slope * WeightOf(tables, t, u), _stride);
                    }
                }

                for (var u = t + 1; u < _parts && _weighted; u++)
                {
                    var product = Vectors<TVector, TLanes>.Dot(fields + ((nint)t * _stride), fields + ((nint)u * _stride), _stride);
                    sums.AddWeight(PairRow(tables, t, u), slope * product);
                }
            }

            var row = _rows[_items[slot]];
            for (var e = 0; e < row.Length; e++)
            {
                var column = row.Columns[e];
                if (IsLeftOut(slot, column))
                {
                    continue;
                }

                Vectors<TVector, TLanes>.Add(
                    sums.Of(_rows.FactorOf(column), column),
                    _scratch.Pointer + ((nint)_partOfField[_data.Space.ColumnFields[column]] * _stride),
                    row.ValueAt(e),
                    _stride
                );
            }
        }
    }

    public void Dispose()
    {
        _slotOfItem.Dispose();
        _fields.Dispose();
        _vectors.Dispose();
        _constants.Dispose();
        _slopes.Dispose();
        _gradients.Dispose();
        _scratch.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsLeftOut(int slot, int column) => _withoutOwn[slot] && _rows.IsOwn(column);

    /// <summary>p_t of each field of an item.</summary>
    private float* FieldsOf(int slot) => _weighted ? _vectors.Pointer + ((nint)slot * Length) : _fields.Pointer + ((nint)slot * _parts * _stride);

    private float WeightOf(in ParameterTables tables, int t, int u) =>
        _weighted ? tables.Weights[(nuint)PairRow(tables, t, u) * tables.WeightBlock] : 1;

    private int PairRow(in ParameterTables tables, int t, int u) => FieldPairs.RowOf(tables, _data.ItemFields[t], _data.ItemFields[u]);
}

/// <summary>Where the weights of pairs of fields are.</summary>
internal static unsafe class FieldPairs
{
    /// <summary>The weight row of r_fg.</summary>
    public static int RowOf(in ParameterTables tables, int f, int g) =>
        (int)tables.WeightRowAt(tables.FieldWeights) + (Math.Min(f, g) * tables.FieldCount) + Math.Max(f, g);
}
