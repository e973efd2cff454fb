using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training;

namespace RecService.Engine.Layer;

/// <summary>How a <see cref="FactorizationLayer"/> takes a step.</summary>
public enum LayerOptimizer
{
    /// <summary>θ −= η · g / √(1e-8 + Σ g²), the sum over this step and all before (Duchi, Hazan, Singer, JMLR 2011).</summary>
    AdaGrad,

    /// <summary>θ −= η · g.</summary>
    GradientDescent,
}

/// <summary>
/// The factorization machine as a layer of a neural network: forward from rows to cross vectors (bi-interaction pooling; He and Chua, "Neural
/// factorization
/// machines", SIGIR 2017), backward from an upstream gradient to gradients by parameters and by inputs. O(nk) for n entries, both ways, and O(F²k)
/// more for the
/// F fields of a field-weighted row. Not thread-safe.
/// </summary>
/// <remarks>
/// With p_f = Σ_{i∈f} x_i v_i, S = Σ_f p_f and u = ∂L/∂cross: cross = Σ_{f&lt;g} p_f ⊙ p_g, ∂L/∂v_i = x_i u ⊙ (S − p_f(i)), ∂L/∂x_i = ⟨v_i ⊙ u, S −
/// p_f(i)⟩. Beside it
/// stands the affine part a = w0 + Σ w_i x_i. The score of the machine is a + Σ cross: a gradient g by the score is g by a and g by each component of
/// cross.
/// Field-weighted: cross = Σ_{f&lt;g} r_fg p_f ⊙ p_g, Σ_g r_fg p_g stands where S − p_f does, and ∂L/∂r_fg = ⟨u, p_f ⊙ p_g⟩.
/// Field-aware: cross = Σ_{i&lt;j} x_i x_j v_i,f(j) ⊙ v_j,f(i), in O(nFk), and ∂L/∂v_i,g = x_i u ⊙ Σ_{j∈g, j≠i} x_j v_j,f(i).
/// </remarks>
public sealed class FactorizationLayer
{
    private const float FirstAccumulator = 1e-8f;

    private readonly FactorizationKernel _kernel;
    private readonly RowWorkspace _workspace;
    private readonly FactorizationGradient _gradient;
    private readonly int _vectorLength;
    private readonly int _stride;
    private readonly float[] _weights;
    private readonly float[] _table;
    private readonly float[] _fieldWeights;
    private readonly float[] _upstream;
    private float[] _weightAccumulators = [];
    private float[] _tableAccumulators = [];
    private float[] _fieldAccumulators = [];
    private float[]? _own;
    private float _biasAccumulator = FirstAccumulator;

    /// <summary>A layer with weights 0, normal random latent vectors, and field weights 1 if it has any.</summary>
    /// <param name="space">The columns.</param>
    /// <param name="crossing">Which features cross.</param>
    /// <param name="factors">k, 0 to 4096: the length of a cross vector.</param>
    /// <param name="initialDeviation">Standard deviation of the latent vectors, above 0.</param>
    /// <param name="seed">Seed of the latent vectors.</param>
    /// <param name="kernel">The kernel; the machine's own choice when absent.</param>
    public FactorizationLayer(
        FeatureSpace space,
        Crossing crossing,
        int factors,
        float initialDeviation = 0.1f,
        ulong seed = 1,
        FactorizationKernel? kernel = null
    )
    {
        ArgumentNullException.ThrowIfNull(space);
        new TrainingSettings
        {
            Crossing = crossing,
            Factors = factors,
            InitialDeviation = initialDeviation,
        }.Validate();
        Space = space;
        Factors = factors;
        _kernel = kernel ?? FactorizationKernel.Default;
        var length = FactorizationModel.VectorLengthOf(crossing, space.FieldCount, factors);
        _stride = FactorizationModel.StrideOf(length);
        _vectorLength = length;
        _workspace = new(space, crossing, factors, _kernel);
        _gradient = new(space, factors, crossing);
        _upstream = new float[_stride];
        _weights = new float[space.ColumnCount];
        _table = new float[checked(space.FactorCount * _stride)];
        _fieldWeights = crossing == Crossing.FieldWeighted ? OnesOffDiagonal(space.FieldCount) : [];
        var random = new RandomSource(seed);
        for (var row = 0; row < space.FactorCount; row++)
        {
            for (var d = 0; d < length; d++)
            {
                _table[(row * _stride) + d] = initialDeviation * (float)random.NextNormal();
            }
        }
    }

    /// <summary>A layer that starts with the parameters of a trained model.</summary>
    public FactorizationLayer(FactorizationModel model, FactorizationKernel? kernel = null)
        : this((model ?? throw new ArgumentNullException(nameof(model))).Space, model.Crossing, model.Factors, kernel: kernel)
    {
        Bias = model.Bias;
        model.Weights.CopyTo(_weights);
        model.FactorTable.CopyTo(_table);
        model.FieldWeights.CopyTo(_fieldWeights);
    }

    /// <summary>The columns.</summary>
    public FeatureSpace Space { get; }

    /// <summary>Which features cross.</summary>
    public Crossing Crossing => _workspace.Crossing;

    /// <summary>k, the length of a cross vector.</summary>
    public int Factors { get; }

    /// <summary>w0.</summary>
    public float Bias { get; private set; }

    /// <summary>w, by column.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>r of a field-weighted layer, F × F numbers, symmetric and 0 on the diagonal; empty in other layers.</summary>
    public ReadOnlySpan<float> FieldWeights => _fieldWeights;

    /// <summary>v_i, the k numbers of a column; in a field-aware layer F · k, k for each field.</summary>
    public ReadOnlySpan<float> FactorsOf(int column) => _table.AsSpan(Space.FactorOf(column) * _stride, _vectorLength);

    /// <summary>The cross vectors of a batch, and its affine part.</summary>
    /// <param name="batch">The rows; of a dense batch, <see cref="SparseRows.FromDense(ReadOnlySpan{float}, int, int, bool)"/>.</param>
    /// <param name="cross">Receives rows × k numbers.</param>
    /// <param name="affine">Receives w0 + Σ w_i x_i of each row; may be left out.</param>
    /// <exception cref="ArgumentException">A span has another length, or the batch has columns outside the space.</exception>
    public void Forward(SparseRows batch, Span<float> cross, Span<float> affine = default)
    {
        Check(batch, cross.Length, affine.Length);
        for (var row = 0; row < batch.Count; row++)
        {
            _workspace.Forward(batch[row], _weights, _table, out var linear, _fieldWeights);
            _workspace.Cross[..Factors].CopyTo(cross.Slice(row * Factors, Factors));
            if (!affine.IsEmpty)
            {
                affine[row] = Bias + linear;
            }
        }
    }

    /// <summary>
    /// The gradient of a loss by parameters and inputs, from its gradient by what <see cref="Forward"/> gave, with the parameters as they are now.
    /// </summary>
    /// <param name="batch">The rows that went forward.</param>
    /// <param name="crossGradient">∂L/∂cross, rows × k numbers.</param>
    /// <param name="affineGradient">∂L/∂affine of each row; 0 when left out.</param>
    /// <returns>The gradient, summed over the batch; valid until the next call.</returns>
    /// <exception cref="ArgumentException">A span has another length or holds a number that is not finite, or the batch has columns outside the
    /// space.</exception>
    public FactorizationGradient Backward(SparseRows batch, ReadOnlySpan<float> crossGradient, ReadOnlySpan<float> affineGradient = default)
    {
        Check(batch, crossGradient.Length, affineGradient.Length);
        CheckFinite(crossGradient, Factors, nameof(crossGradient));
        CheckFinite(affineGradient, 1, nameof(affineGradient));
        _gradient.Clear(checked((int)batch.EntryCount));
        var entry = 0;
        for (var r = 0; r < batch.Count; r++)
        {
            var row = batch[r];
            var affine = affineGradient.IsEmpty ? 0 : affineGradient[r];
            for (var part = 0; part < _vectorLength; part += Factors)
            {
                crossGradient.Slice(r * Factors, Factors).CopyTo(_upstream.AsSpan(part));
            }

            _workspace.Forward(row, _weights, _table, out _, _fieldWeights);
            _gradient.Bias += affine;
            if (Crossing == Crossing.FieldWeighted)
            {
                BackwardFieldWeights();
            }

            if (Crossing is Crossing.FieldWeighted or Crossing.FieldAware)
            {
                _workspace.SumNeighbours(_fieldWeights);
            }

            for (var e = 0; e < row.Length; e++)
            {
                _gradient.SetInput(entry++, Backward(row.Columns[e], row.ValueAt(e), affine));
            }
        }

        return _gradient;
    }

    /// <summary>Steps down a gradient; only the parameters that it names move.</summary>
    /// <param name="gradient">The gradient, as <see cref="Backward(SparseRows, ReadOnlySpan{float}, ReadOnlySpan{float})"/> gave it.</param>
    /// <param name="rate">η, above 0.</param>
    /// <param name="optimizer">How a step is taken; AdaGrad's sums are kept in the layer.</param>
    /// <param name="l2Linear">L2 on weights, once a step.</param>
    /// <param name="l2Factors">L2 on latent vectors, once a step. Field weights have none: the factors that they multiply are held already.</param>
    public void Apply(
        FactorizationGradient gradient,
        float rate,
        LayerOptimizer optimizer = LayerOptimizer.AdaGrad,
        float l2Linear = 0,
        float l2Factors = 0
    )
    {
        ArgumentNullException.ThrowIfNull(gradient);
        new TrainingSettings
        {
            LearningRate = rate,
            L2Linear = l2Linear,
            L2Factors = l2Factors,
        }.Validate();
        if (!ReferenceEquals(gradient, _gradient))
        {
            throw new ArgumentException("The gradient is of another layer.", nameof(gradient));
        }

        switch (optimizer)
        {
            case LayerOptimizer.AdaGrad:
                ApplyAdaGrad(gradient, rate, l2Linear, l2Factors);
                break;
            case LayerOptimizer.GradientDescent:
                ApplyGradientDescent(gradient, rate, l2Linear, l2Factors);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(optimizer), optimizer, "There is no such optimizer.");
        }
    }

    /// <summary>The factorization machine by itself, as a model: score = affine + Σ cross.</summary>
    /// <inheritdoc cref="FactorizationModel(FeatureSpace, Crossing, Loss, int, float, float[], float[], float, float, FeatureIndex, float[], Data.Histories.HistorySettings)"/>
    public FactorizationModel ToModel(
        Loss loss,
        float targetMinimum = float.NegativeInfinity,
        float targetMaximum = float.PositiveInfinity,
        FeatureIndex? features = null
    ) =>
        new(
            Space,
            Crossing,
            loss,
            Factors,
            Bias,
            [.. _weights],
            [.. _table],
            targetMinimum,
            targetMaximum,
            features,
            Crossing == Crossing.FieldWeighted ? [.. _fieldWeights] : null
        );

    private float Backward(int column, float x, float affine)
    {
        _gradient.Weight(column) += affine * x;
        var field = Space.ColumnFields[column];
        var factors = _table.AsSpan(Space.FactorOf(column) * _stride, _stride);
        var gradient = _gradient.PaddedFactors(column);
        // What the entry crosses with is sum − share · own.
        return (affine * _weights[column])
            + Crossing switch
            {
                Crossing.Plain => _kernel.AddGradient(gradient, factors, _upstream, _workspace.Sum, factors, x, x),
                Crossing.FieldPooled => _kernel.AddGradient(gradient, factors, _upstream, _workspace.Sum, _workspace.Pooled(field), 1, x),
                Crossing.FieldWeighted => _kernel.AddGradient(gradient, factors, _upstream, _workspace.Neighbours(field), factors, 0, x),
                Crossing.FieldAware => _kernel.AddGradient(gradient, factors, _upstream, _workspace.Neighbours(field), OwnPart(factors, field), x, x),
            };
    }

    /// <summary>What a latent vector has for its own field, in its place.</summary>
    private ReadOnlySpan<float> OwnPart(ReadOnlySpan<float> factors, int field)
    {
        _own ??= new float[_stride];
        Array.Clear(_own);
        factors.Slice(field * Factors, Factors).CopyTo(_own.AsSpan(field * Factors));
        return _own;
    }

    private void BackwardFieldWeights()
    {
        var fields = _workspace.PresentFields;
        for (var i = 0; i < fields.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                _gradient.AddFieldWeight(fields[i], fields[j], _kernel.Dot(_upstream, _workspace.Pooled(fields[i]), _workspace.Pooled(fields[j])));
            }
        }
    }

    private void ApplyAdaGrad(FactorizationGradient gradient, float rate, float l2Linear, float l2Factors)
    {
        if (_weightAccumulators.Length == 0)
        {
            _weightAccumulators = new float[_weights.Length];
            _tableAccumulators = new float[_table.Length];
            _fieldAccumulators = new float[_fieldWeights.Length];
            Array.Fill(_weightAccumulators, FirstAccumulator);
            Array.Fill(_tableAccumulators, FirstAccumulator);
            Array.Fill(_fieldAccumulators, FirstAccumulator);
        }

        Bias -= AdaGradStep(gradient.Bias, rate, ref _biasAccumulator);
        for (var i = 0; i < gradient.Columns.Length; i++)
        {
            var column = gradient.Columns[i];
            _weights[column] -= AdaGradStep(gradient.Weights[i] + (l2Linear * _weights[column]), rate, ref _weightAccumulators[column]);
        }

        for (var i = 0; i < gradient.FactorRows.Length; i++)
        {
            var offset = gradient.FactorRows[i] * _stride;
            _kernel.AdaGrad(_table.AsSpan(offset, _stride), _tableAccumulators.AsSpan(offset, _stride), gradient.PaddedFactorsAt(i), l2Factors, rate);
        }

        // Both halves of the symmetric matrix take the same steps.
        for (var i = 0; i < _fieldWeights.Length; i++)
        {
            _fieldWeights[i] -= AdaGradStep(gradient.FieldWeights[i], rate, ref _fieldAccumulators[i]);
        }
    }

    private void ApplyGradientDescent(FactorizationGradient gradient, float rate, float l2Linear, float l2Factors)
    {
        Bias -= rate * gradient.Bias;
        for (var i = 0; i < gradient.Columns.Length; i++)
        {
            var column = gradient.Columns[i];
            _weights[column] -= rate * (gradient.Weights[i] + (l2Linear * _weights[column]));
        }

        for (var i = 0; i < gradient.FactorRows.Length; i++)
        {
            _kernel.Descend(_table.AsSpan(gradient.FactorRows[i] * _stride, _stride), gradient.PaddedFactorsAt(i), l2Factors, rate);
        }

        for (var i = 0; i < _fieldWeights.Length; i++)
        {
            _fieldWeights[i] -= rate * gradient.FieldWeights[i];
        }
    }

    private static float[] OnesOffDiagonal(int size)
    {
        var matrix = new float[checked(size * size)];
        for (var i = 0; i < matrix.Length; i++)
        {
            matrix[i] = i / size == i % size ? 0 : 1;
        }

        return matrix;
    }

    private static float AdaGradStep(float gradient, float rate, ref float accumulator)
    {
        accumulator += gradient * gradient;
        return rate * gradient / MathF.Sqrt(accumulator);
    }

    private void Check(SparseRows batch, int cross, int affine)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.ColumnCount > Space.ColumnCount)
        {
            throw new ArgumentException($"The batch has columns up to {batch.ColumnCount - 1}; the space has {Space.ColumnCount}.", nameof(batch));
        }

        if (cross != (long)batch.Count * Factors || (affine != batch.Count && affine != 0))
        {
            throw new ArgumentException(
                $"A batch of {batch.Count} rows and {Factors} factors has {(long)batch.Count * Factors} cross components and {batch.Count} affine parts, not {cross} and {affine}.",
                nameof(cross)
            );
        }
    }

    private static void CheckFinite(ReadOnlySpan<float> gradients, int rowLength, string name)
    {
        for (var i = 0; i < gradients.Length; i++)
        {
            if (!float.IsFinite(gradients[i]))
            {
                throw new ArgumentException($"Row {i / rowLength} has the gradient {gradients[i]}; gradients must be finite.", name);
            }
        }
    }
}
