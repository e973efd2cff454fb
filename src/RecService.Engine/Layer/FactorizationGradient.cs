using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Layer;

/// <summary>
/// The gradient of a loss by the parameters of a <see cref="FactorizationLayer"/>, for those that a batch touched, and by the batch's values. A
/// column or latent
/// vector that stands in several entries stands here once, its gradients added up.
/// </summary>
public sealed class FactorizationGradient
{
    private readonly FeatureSpace _space;
    private readonly int _vectorLength;
    private readonly int _stride;
    private readonly TouchedRows _columns;
    private readonly TouchedRows _factorRows;
    private readonly float[] _fieldWeights;
    private float[] _weights = [];
    private float[] _vectors = [];
    private float[] _inputs = [];
    private int _inputCount;

    internal FactorizationGradient(FeatureSpace space, int factors, Crossing crossing)
    {
        _space = space;
        _vectorLength = FactorizationModel.VectorLengthOf(crossing, space.FieldCount, factors);
        _stride = FactorizationModel.StrideOf(_vectorLength);
        _columns = new(space.ColumnCount);
        _factorRows = new(space.FactorCount);
        _fieldWeights = crossing == Crossing.FieldWeighted ? new float[checked(space.FieldCount * space.FieldCount)] : [];
    }

    /// <summary>∂L/∂w0.</summary>
    public float Bias { get; internal set; }

    /// <summary>The columns that the batch has entries of, each once.</summary>
    public ReadOnlySpan<int> Columns => _columns.Rows;

    /// <summary>∂L/∂w of each of <see cref="Columns"/>.</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, _columns.Count);

    /// <summary>The rows of the factor table that the batch has entries of, each once.</summary>
    public ReadOnlySpan<int> FactorRows => _factorRows.Rows;

    /// <summary>
    /// ∂L/∂r of a field-weighted layer, F × F numbers: the derivative by r_fg stands in both (f, g) and (g, f). Empty in other layers.
    /// </summary>
    public ReadOnlySpan<float> FieldWeights => _fieldWeights;

    /// <summary>∂L/∂x of each entry of the batch, in the order of rows and entries; of a dense batch that kept its zeros, rows × columns.</summary>
    public ReadOnlySpan<float> Inputs => _inputs.AsSpan(0, _inputCount);

    /// <summary>∂L/∂v of the latent vector <see cref="FactorRows"/>[<paramref name="index"/>]: k numbers, in a field-aware layer F · k.</summary>
    public ReadOnlySpan<float> FactorsAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)_factorRows.Count, nameof(index));
        return _vectors.AsSpan(index * _stride, _vectorLength);
    }

    internal ReadOnlySpan<float> PaddedFactorsAt(int index) => _vectors.AsSpan(index * _stride, _stride);

    internal void Clear(int inputs)
    {
        Bias = 0;
        _columns.Clear();
        _factorRows.Clear();
        Array.Clear(_fieldWeights);
        _inputCount = inputs;
        if (_inputs.Length < inputs)
        {
            _inputs = new float[inputs];
        }
    }

    internal void SetInput(int entry, float gradient) => _inputs[entry] = gradient;

    internal void AddFieldWeight(int f, int g, float gradient)
    {
        _fieldWeights[(f * _space.FieldCount) + g] += gradient;
        _fieldWeights[(g * _space.FieldCount) + f] += gradient;
    }

    internal ref float Weight(int column)
    {
        var index = _columns.IndexOf(column, out var isNew);
        if (index >= _weights.Length)
        {
            Array.Resize(ref _weights, Math.Max(16, 2 * _weights.Length));
        }

        if (isNew)
        {
            _weights[index] = 0;
        }

        return ref _weights[index];
    }

    internal Span<float> PaddedFactors(int column)
    {
        var index = _factorRows.IndexOf(_space.FactorOf(column), out var isNew);
        if ((index + 1) * _stride > _vectors.Length)
        {
            Array.Resize(ref _vectors, checked(Math.Max(16, 2 * (index + 1)) * _stride));
        }

        var vector = _vectors.AsSpan(index * _stride, _stride);
        if (isNew)
        {
            vector.Clear();
        }

        return vector;
    }

    /// <summary>Numbers rows in the order of their first use.</summary>
    private sealed class TouchedRows(int count)
    {
        private readonly int[] _indexes = NoIndexes(count);
        private readonly List<int> _rows = [];

        public int Count => _rows.Count;

        public ReadOnlySpan<int> Rows => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_rows);

        public int IndexOf(int row, out bool isNew)
        {
            ref var index = ref _indexes[row];
            isNew = index < 0;
            if (isNew)
            {
                index = _rows.Count;
                _rows.Add(row);
            }

            return index;
        }

        public void Clear()
        {
            foreach (var row in _rows)
            {
                _indexes[row] = -1;
            }

            _rows.Clear();
        }

        private static int[] NoIndexes(int count)
        {
            var indexes = new int[count];
            Array.Fill(indexes, -1);
            return indexes;
        }
    }
}
