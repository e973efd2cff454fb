using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>
/// Computes rows: the forward pass of training, scoring and ranking, in O(nk) for n entries, and O(F²k) more for the F fields of a field-weighted
/// row. Holds the
/// pooled vectors of the last row. Not thread-safe.
/// </summary>
internal sealed class RowWorkspace
{
    private readonly FeatureSpace _space;
    private readonly FactorizationKernel _kernel;
    private readonly int _stride;
    private readonly float[] _pooled;
    private readonly float[] _sum;
    private readonly float[] _cross;
    private readonly int[] _present;
    private readonly bool[] _isPresent;
    private float[] _neighbours = [];
    private int _presentCount;

    public RowWorkspace(FeatureSpace space, Crossing crossing, int factors, FactorizationKernel kernel)
    {
        _space = space;
        _kernel = kernel;
        _stride = FactorizationModel.StrideOf(factors);
        Crossing = crossing;
        _pooled = new float[space.FieldCount * _stride];
        _sum = new float[_stride];
        _cross = new float[_stride];
        _present = new int[space.FieldCount];
        _isPresent = new bool[space.FieldCount];
    }

    public Crossing Crossing { get; }

    /// <summary>S = Σ_f p_f, padded; of no meaning in a field-weighted model.</summary>
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
        foreach (var field in PresentFields)
        {
            _isPresent[field] = false;
        }

        _presentCount = 0;
        Array.Clear(_sum);
        Array.Clear(_cross);
        linear = 0;
        var fields = _space.ColumnFields;
        for (var e = 0; e < row.Columns.Length; e++)
        {
            var column = row.Columns[e];
            var x = row.ValueAt(e);
            linear += weights[column] * x;
            var vector = factors.Slice(_space.FactorOf(column) * _stride, _stride);
            _kernel.Add(PooledOf(fields[column]), vector, x);
            if (Crossing == Crossing.Plain)
            {
                _kernel.AddCrossed(_cross, _sum, vector, x);
            }
        }

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

        return _kernel.Total(_cross);
    }

    /// <summary>Makes <see cref="Neighbours"/> ready, for the backward pass of the field-weighted row that has gone forward.</summary>
    public void SumNeighbours(ReadOnlySpan<float> fieldWeights)
    {
        if (_neighbours.Length == 0)
        {
            _neighbours = new float[_pooled.Length];
        }

        foreach (var field in PresentFields)
        {
            SumWeighted(_neighbours.AsSpan(field * _stride, _stride), field, PresentFields, fieldWeights);
        }
    }

    /// <summary>Σ_g r_fg p_g over the fields of the row: what an entry of field f crosses with in a field-weighted model. Padded.</summary>
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
