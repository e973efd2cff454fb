using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Files;
using RecService.Engine.Losses;

namespace RecService.Engine.Model;

/// <summary>Which features cross.</summary>
public enum Crossing
{
    /// <summary>The features of a field are pooled into one vector p_f = Σ x_i v_i; the vectors of different fields cross.</summary>
    FieldPooled,

    /// <summary>Every two features cross (Rendle, "Factorization machines", ICDM 2010).</summary>
    Plain,

    /// <summary>
    /// The pooled vectors of fields f and g cross with a learned weight r_fg (FwFM: Pan et al., "Field-weighted factorization machines for
    /// click-through rate
    /// prediction in display advertising", WWW 2018). Only the product r_fg ⟨p_f, p_g⟩ is determined: r by itself changes with the scale and sign of
    /// each
    /// field's factors.
    /// </summary>
    FieldWeighted,

    /// <summary>
    /// Every feature has a vector for each field, and two features cross by those for each other's field: ⟨v_i,f(j), v_j,f(i)⟩, also within a field
    /// (FFM: Juan, Zhuang, Chin, Lin, "Field-aware Factorization Machines for CTR Prediction", RecSys 2016). Rows of n entries in F fields take O(nFk).
    /// </summary>
    FieldAware,
}

/// <summary>
/// A factorization machine, immutable: y = w0 + Σ_i w_i x_i + Σ_d cross_d, where cross = Σ_{f&lt;g} r_fg p_f ⊙ p_g is the k-dimensional cross
/// vector of a row; in a field-aware machine Σ_{i&lt;j} x_i x_j v_i,f(j) ⊙ v_j,f(i).
/// </summary>
public sealed class FactorizationModel
{
    private readonly LossFunction _lossFunction;
    private readonly float[] _weights;
    private readonly float[] _factors;
    private readonly float[] _fieldWeights;

    /// <param name="space">The columns.</param>
    /// <param name="crossing">Which features cross.</param>
    /// <param name="loss">What the scores mean.</param>
    /// <param name="factors">k, the length of a latent vector; 0 makes a linear model.</param>
    /// <param name="bias">w0.</param>
    /// <param name="weights">w, one per column. The model keeps the array.</param>
    /// <param name="factorTable">
    /// v: <see cref="FeatureSpace.FactorCount"/> rows of <see cref="StrideOf"/>(<see cref="VectorLengthOf"/>) floats, where those after the vector are 0.
    /// The model keeps the array.
    /// </param>
    /// <param name="targetMinimum">Smallest training target, for <see cref="Predict"/>.</param>
    /// <param name="targetMaximum">Largest training target.</param>
    /// <param name="features">The index that made the columns, stored with the model.</param>
    /// <param name="fieldWeights">
    /// r of a field-weighted model and of no other: F × F floats, row by row, symmetric and 0 on the diagonal. The model keeps the array.
    /// </param>
    /// <param name="history">How histories are pooled, where the model has fields of them.</param>
    /// <exception cref="ArgumentException">
    /// Lengths do not fit, a number is not finite, the padding is not 0, the field weights are missing, superfluous or not symmetric, or the index
    /// has columns
    /// that the space has not.
    /// </exception>
    public FactorizationModel(
        FeatureSpace space,
        Crossing crossing,
        Loss loss,
        int factors,
        float bias,
        float[] weights,
        float[] factorTable,
        float targetMinimum = float.NegativeInfinity,
        float targetMaximum = float.PositiveInfinity,
        FeatureIndex? features = null,
        float[]? fieldWeights = null,
        HistorySettings? history = null
    )
    {
        history?.Validate();
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(factorTable);
        ArgumentOutOfRangeException.ThrowIfNegative(factors);
        Space = space;
        Crossing = Enum.IsDefined(crossing) ? crossing : throw new ArgumentOutOfRangeException(nameof(crossing));
        Loss = Enum.IsDefined(loss) ? loss : throw new ArgumentOutOfRangeException(nameof(loss));
        _lossFunction = loss.Function();
        Factors = factors;
        VectorLength = VectorLengthOf(crossing, space.FieldCount, factors);
        Stride = StrideOf(VectorLength);
        Bias = float.IsFinite(bias) ? bias : throw new ArgumentException("The bias is not finite.", nameof(bias));
        _weights = weights;
        _factors = factorTable;
        _fieldWeights = fieldWeights ?? [];
        TargetMinimum = targetMinimum;
        TargetMaximum = targetMaximum;
        Features = features;
        History = history;
        CheckParameters();
        CheckFieldWeights(fieldWeights);
        if (features?.ColumnLimit > space.ColumnCount)
        {
            throw new ArgumentException(
                $"The feature index has columns up to {features.ColumnLimit - 1}; the space has {space.ColumnCount}.",
                nameof(features)
            );
        }

        if (!(targetMinimum <= targetMaximum))
        {
            throw new ArgumentException($"The target range {targetMinimum} to {targetMaximum} is empty.", nameof(targetMaximum));
        }
    }

    /// <summary>The columns.</summary>
    public FeatureSpace Space { get; }

    /// <summary>Which features cross.</summary>
    public Crossing Crossing { get; }

    /// <summary>What the scores mean.</summary>
    public Loss Loss { get; }

    /// <summary>k, the length of a cross vector; 0 for a linear model.</summary>
    public int Factors { get; }

    /// <summary>The length of a latent vector: k; in a field-aware model F · k, k floats for each field.</summary>
    public int VectorLength { get; }

    /// <summary>Floats from one factor row to the next: <see cref="VectorLength"/> rounded up to a multiple of 16, the rest being 0.</summary>
    public int Stride { get; }

    /// <summary>w0.</summary>
    public float Bias { get; }

    /// <summary>w, by column.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>r of a field-weighted model: F × F floats, row by row, symmetric and 0 on the diagonal. Empty in other models.</summary>
    public ReadOnlySpan<float> FieldWeights => _fieldWeights;

    /// <summary>Smallest training target; a prediction of <see cref="Loss.Squared"/> is never below it.</summary>
    public float TargetMinimum { get; }

    /// <summary>Largest training target.</summary>
    public float TargetMaximum { get; }

    /// <summary>The index that made the columns, or null.</summary>
    public FeatureIndex? Features { get; }

    /// <summary>How histories are pooled, for a model with fields of them; null for others.</summary>
    public HistorySettings? History { get; }

    /// <summary>The factor table: <see cref="FeatureSpace.FactorCount"/> rows of <see cref="Stride"/> floats.</summary>
    internal ReadOnlySpan<float> FactorTable => _factors;

    /// <summary>v_i, the <see cref="VectorLength"/> floats of a column.</summary>
    public ReadOnlySpan<float> FactorsOf(int column) => _factors.AsSpan(Space.FactorOf(column) * Stride, VectorLength);

    /// <summary>
    /// r_fg, the weight with which two fields cross. In other than field-weighted models 1, and within a field 1 in plain and field-aware ones and 0 else.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such field.</exception>
    public float FieldWeight(int f, int g)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)f, (uint)Space.FieldCount, nameof(f));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)g, (uint)Space.FieldCount, nameof(g));
        return Crossing switch
        {
            Crossing.FieldWeighted => _fieldWeights[(f * Space.FieldCount) + g],
            Crossing.FieldPooled when f == g => 0,
            _ => 1,
        };
    }

    /// <summary>
    /// What a score predicts, by <see cref="Loss"/>: the score clipped to the range of the training targets, the probability σ(score), or the score.
    /// </summary>
    public float Predict(float score) => _lossFunction.Predict(score, TargetMinimum, TargetMaximum);

    /// <summary>
    /// The model as if it had never had the ids of these users: they are gone from the index, and the weights and vectors of their columns are 0.
    /// Columns keep their
    /// numbers. A column that other features lead to as well, that of rare categories, stays as it is, and so do tags and attributes.
    /// </summary>
    /// <param name="userIds">The ids.</param>
    /// <returns>A model of its own; this one when it has none of the ids, or no index.</returns>
    public FactorizationModel WithoutUsers(IReadOnlySet<string> userIds)
    {
        ArgumentNullException.ThrowIfNull(userIds);
        if (Features is null)
        {
            return this;
        }

        var (index, columns) = Features.WithoutUsers(userIds);
        if (ReferenceEquals(index, Features))
        {
            return this;
        }

        float[] weights = [.. _weights];
        float[] factors = [.. _factors];
        foreach (var column in columns)
        {
            weights[column] = 0;
            // No other column has this row: only tags share theirs.
            factors.AsSpan(Space.FactorOf(column) * Stride, Stride).Clear();
        }

        return new(
            Space,
            Crossing,
            Loss,
            Factors,
            Bias,
            weights,
            factors,
            TargetMinimum,
            TargetMaximum,
            index,
            Crossing == Crossing.FieldWeighted ? _fieldWeights : null,
            History
        );
    }

    /// <summary>Floats that a latent vector takes in a factor table: its length rounded up to a multiple of 16.</summary>
    public static int StrideOf(int length) => checked((length + 15) / 16 * 16);

    /// <summary>The length of a latent vector.</summary>
    /// <param name="crossing">Which features cross.</param>
    /// <param name="fields">F.</param>
    /// <param name="factors">k.</param>
    public static int VectorLengthOf(Crossing crossing, int fields, int factors) => crossing == Crossing.FieldAware ? checked(fields * factors) : factors;

    /// <summary>Writes the latent vectors, without the padding.</summary>
    internal void WriteFactors(Stream stream)
    {
        for (var row = 0; row < Space.FactorCount; row++)
        {
            NumberStream.Write(stream, FactorTable.Slice(row * Stride, VectorLength));
        }
    }

    private void CheckParameters()
    {
        if (_weights.Length != Space.ColumnCount || _factors.Length != (long)Space.FactorCount * Stride)
        {
            throw new ArgumentException(
                $"{Space.ColumnCount} weights and {(long)Space.FactorCount * Stride} factors are needed; {_weights.Length} and {_factors.Length} were given."
            );
        }

        for (var column = 0; column < _weights.Length; column++)
        {
            if (!float.IsFinite(_weights[column]))
            {
                throw new ArgumentException($"The weight of column {column} is not finite.");
            }
        }

        for (var row = 0; row < Space.FactorCount && Stride > 0; row++)
        {
            var vector = _factors.AsSpan(row * Stride, Stride);
            foreach (var value in vector)
            {
                if (!float.IsFinite(value))
                {
                    throw new ArgumentException($"Factor row {row} is not finite.");
                }
            }

            if (vector[VectorLength..].ContainsAnyExcept(0f))
            {
                throw new ArgumentException($"The padding of factor row {row} is not 0.");
            }
        }
    }

    private void CheckFieldWeights(float[]? fieldWeights)
    {
        var fields = Space.FieldCount;
        if (Crossing != Crossing.FieldWeighted)
        {
            if (fieldWeights is not null)
            {
                throw new ArgumentException($"There are field weights, which a model that is {Crossing} has not.", nameof(fieldWeights));
            }

            return;
        }

        if (fieldWeights?.Length != (long)fields * fields)
        {
            throw new ArgumentException(
                $"{(long)fields * fields} field weights are needed; {fieldWeights?.Length ?? 0} were given.",
                nameof(fieldWeights)
            );
        }

        for (var f = 0; f < fields; f++)
        {
            for (var g = 0; g <= f; g++)
            {
                var weight = fieldWeights[(f * fields) + g];
                if (!float.IsFinite(weight) || weight != fieldWeights[(g * fields) + f] || (f == g && weight != 0))
                {
                    throw new ArgumentException(
                        $"The weight of fields '{Space.Fields[g]}' and '{Space.Fields[f]}' is {fieldWeights[(g * fields) + f]} and {weight}; "
                            + "field weights must be finite, symmetric, and 0 within a field.",
                        nameof(fieldWeights)
                    );
                }
            }
        }
    }
}
