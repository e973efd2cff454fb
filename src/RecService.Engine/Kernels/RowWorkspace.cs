using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>
/// Computes rows: the forward pass of training, scoring and ranking, in O(nk) for n entries, and O(F²k) more for the F fields of a field-weighted
/// row; of a field-aware one in O(nFk). Holds the pooled vectors of the last row. Not thread-safe.
/// </summary>
internal sealed class RowWorkspace
{
    private readonly FeatureSpace _space;
    private readonly FactorizationKernel _kernel;
    private readonly int _factors;
    private readonly int _stride;
    private readonly float[] _pooled;
    private readonly float[] _sum;
    private readonly float[] _cross;
    private readonly int[] _present;
    private readonly bool[] _isPresent;
    private float[] _neighbours = [];
    private int _presentCount;
    private int _requestFields;
    private float _requestLinear;
    private float[]? _requestSum;
    private float[]? _requestCross;

    public RowWorkspace(FeatureSpace space, Crossing crossing, int factors, FactorizationKernel kernel)
    {
        _space = space;
        _kernel = kernel;
        _factors = factors;
        _stride = FactorizationModel.StrideOf(FactorizationModel.VectorLengthOf(crossing, space.FieldCount, factors));
        Crossing = crossing;
        _pooled = new float[checked(space.FieldCount * _stride)];
        _sum = new float[_stride];
        _cross = new float[FactorizationModel.StrideOf(factors)];
        _present = new int[space.FieldCount];
        _isPresent = new bool[space.FieldCount];
    }

    public Crossing Crossing { get; }

    /// <summary>S = Σ_f p_f, padded; of no meaning in field-weighted and field-aware models.</summary>
    public ReadOnlySpan<float> Sum => _sum;

    /// <summary>The cross vector, padded.</summary>
    public ReadOnlySpan<float> Cross => _cross;

    /// <summary>The fields that the row has entries of, in the order of their first entries.</summary>
    public ReadOnlySpan<int> PresentFields => _present.AsSpan(0, _presentCount);

    /// <summary>p_f of a field, padded; meaningful for present fields only.</summary>
    public ReadOnlySpan<float> Pooled(int field) => _pooled.AsSpan(field * _stride, _stride);

    /// <summary>Whether the row has entries of a field.</summary>
    public bool IsPresent(int field) => _isPresent[field];

    /// <summary>Σ w_i x_i and Σ_d cross_d of a row.</summary>
    /// <param name="row">The row; its columns lie within the space.</param>
    /// <param name="weights">Linear weights, one per column.</param>
    /// <param name="factors">Latent vectors, padded, one per factor row.</param>
    /// <param name="linear">Σ w_i x_i.</param>
    /// <param name="fieldWeights">r of a field-weighted model, F × F.</param>
    /// <returns>Σ_d cross_d.</returns>
    public float Forward(
        SparseRow row,
        ReadOnlySpan<float> weights,
        ReadOnlySpan<float> factors,
        out float linear,
        ReadOnlySpan<float> fieldWeights = default
    )
    {
        KeepFields(0);
        Array.Clear(_sum);
        Array.Clear(_cross);
        linear = 0;
        Add(row, weights, factors, ref linear);
        return CrossFields(fieldWeights);
    }

    /// <summary>Goes forward with the entries that several rows begin with, for <see cref="Join"/>.</summary>
    public void Begin(SparseRow request, ReadOnlySpan<float> weights, ReadOnlySpan<float> factors)
    {
        KeepFields(0);
        Array.Clear(_sum);
        Array.Clear(_cross);
        _requestLinear = 0;
        Add(request, weights, factors, ref _requestLinear);
        _requestFields = _presentCount;
        if (CrossesWithinFields)
        {
            _sum.CopyTo(_requestSum ??= new float[_sum.Length], 0);
            _cross.CopyTo(_requestCross ??= new float[_cross.Length], 0);
        }
    }

    /// <summary>
    /// <see cref="Forward"/> of the entries of <see cref="Begin"/> and, behind them, those of an item and of its coming again, to the bit, without going
    /// through the former once more.
    /// </summary>
    /// <param name="item">The entries of the item, of fields that the former have not unless the interaction is plain.</param>
    /// <param name="repeat">The entries of its coming again.</param>
    /// <param name="repeatValue">What their values are multiplied by.</param>
    /// <param name="weights">Linear weights, one per column.</param>
    /// <param name="factors">Latent vectors, padded, one per factor row.</param>
    /// <param name="linear">Σ w_i x_i.</param>
    /// <param name="fieldWeights">r of a field-weighted model, F × F.</param>
    public float Join(
        SparseRow item,
        SparseRow repeat,
        float repeatValue,
        ReadOnlySpan<float> weights,
        ReadOnlySpan<float> factors,
        out float linear,
        ReadOnlySpan<float> fieldWeights
    )
    {
        KeepFields(_requestFields);
        linear = _requestLinear;
        if (CrossesWithinFields)
        {
            _requestSum!.CopyTo(_sum, 0);
            _requestCross!.CopyTo(_cross, 0);
        }
        else
        {
            Array.Clear(_sum);
            Array.Clear(_cross);
        }

        Add(item, weights, factors, ref linear);
        Add(repeat, weights, factors, ref linear, repeatValue);
        return CrossFields(fieldWeights);
    }

    private void KeepFields(int count)
    {
        foreach (var field in PresentFields[count..])
        {
            _isPresent[field] = false;
        }

        _presentCount = count;
    }

    private void Add(SparseRow row, ReadOnlySpan<float> weights, ReadOnlySpan<float> factors, ref float linear, float times = 1)
    {
        var fields = _space.ColumnFields;
        for (var e = 0; e < row.Columns.Length; e++)
        {
            var column = row.Columns[e];
            var x = times * row.ValueAt(e);
            linear += weights[column] * x;
            var vector = factors.Slice(_space.FactorOf(column) * _stride, _stride);
            var pooled = PooledOf(fields[column]);
            if (Crossing == Crossing.FieldAware)
            {
                CrossWithinField(pooled, vector, fields[column], x);
            }

            _kernel.Add(pooled, vector, x);
            if (Crossing == Crossing.Plain)
            {
                _kernel.AddCrossed(_cross, _sum, vector, x);
            }
        }
    }

    private float CrossFields(ReadOnlySpan<float> fieldWeights)
    {
        if (Crossing == Crossing.FieldPooled)
        {
            foreach (var field in PresentFields)
            {
                _kernel.AddCrossed(_cross, _sum, Pooled(field), 1);
            }
        }
        else if (Crossing == Crossing.FieldWeighted)
        {
            for (var f = 1; f < _presentCount; f++)
            {
                // Each field with the weighted sum of those before it.
                SumWeighted(_sum, _present[f], PresentFields[..f], fieldWeights);
                _kernel.AddCrossed(_cross, _sum, Pooled(_present[f]), 1);
            }
        }
        else if (Crossing == Crossing.FieldAware)
        {
            for (var f = 1; f < _presentCount; f++)
            {
                foreach (var other in PresentFields[..f])
                {
                    _kernel.AddProduct(_cross.AsSpan(0, _factors), Part(_present[f], other), Part(other, _present[f]));
                }
            }
        }

        return _kernel.Total(_cross);
    }

    /// <summary>Crosses an entry with those of its field before it, by what they have for their own field.</summary>
    private void CrossWithinField(ReadOnlySpan<float> before, ReadOnlySpan<float> vector, int field, float x)
    {
        var own = field * _factors;
        for (var d = 0; d < _factors; d++)
        {
            _cross[d] += before[own + d] * (x * vector[own + d]);
        }
    }

    /// <summary>What a field of a field-aware row has for another: k floats, Σ_i x_i v_i,g over the entries of field f.</summary>
    public ReadOnlySpan<float> Part(int field, int other) => _pooled.AsSpan((field * _stride) + (other * _factors), _factors);

    /// <summary>Whether entries of one field cross as they come.</summary>
    private bool CrossesWithinFields => Crossing is Crossing.Plain or Crossing.FieldAware;

    /// <summary>Makes <see cref="Neighbours"/> ready, for the backward pass of the field-weighted or field-aware row that has gone forward.</summary>
    public void SumNeighbours(ReadOnlySpan<float> fieldWeights)
    {
        if (_neighbours.Length == 0)
        {
            _neighbours = new float[_pooled.Length];
        }

        foreach (var field in PresentFields)
        {
            var neighbours = _neighbours.AsSpan(field * _stride, _stride);
            if (Crossing == Crossing.FieldAware)
            {
                JoinParts(neighbours, field, PresentFields);
            }
            else
            {
                SumWeighted(neighbours, field, PresentFields, fieldWeights);
            }
        }
    }

    /// <summary>
    /// What an entry of field f crosses with, padded: in a field-weighted model Σ_g r_fg p_g over the fields of the row, in a field-aware one what each
    /// of them has for f, of f itself with the entry's own part.
    /// </summary>
    public ReadOnlySpan<float> Neighbours(int field) => _neighbours.AsSpan(field * _stride, _stride);

    /// <summary>Σ_g r_fg p_g over some fields of the row.</summary>
    public void SumWeighted(Span<float> sum, int field, ReadOnlySpan<int> others, ReadOnlySpan<float> fieldWeights)
    {
        sum.Clear();
        var weights = fieldWeights.Slice(field * _space.FieldCount, _space.FieldCount);
        foreach (var other in others)
        {
            _kernel.Add(sum, Pooled(other), weights[other]);
        }
    }

    /// <summary>Joins what some fields of a field-aware row have for a field; what is for other fields is 0.</summary>
    public void JoinParts(Span<float> joined, int field, ReadOnlySpan<int> others)
    {
        joined.Clear();
        foreach (var other in others)
        {
            Part(other, field).CopyTo(joined.Slice(other * _factors, _factors));
        }
    }

    private Span<float> PooledOf(int field)
    {
        var pooled = _pooled.AsSpan(field * _stride, _stride);
        if (!_isPresent[field])
        {
            _isPresent[field] = true;
            _present[_presentCount++] = field;
            pooled.Clear();
        }

        return pooled;
    }
}
