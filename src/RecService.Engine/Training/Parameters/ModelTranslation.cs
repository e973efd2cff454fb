using System.Numerics;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;

namespace RecService.Engine.Training.Parameters;

/// <summary>
/// From the parameters of training to models and back: training has rows in the order of its numbering, and scores of squared loss on the scale of
/// its targets,
/// y = mean + deviation · score.
/// </summary>
internal sealed unsafe class ModelTranslation(FeatureSpace space, TrainingSettings settings, RowNumbering numbering, TargetScale scale)
{
    private readonly int _specials = ParameterTables.SpecialsOf(space, settings.Crossing);
    private readonly int _vectorLength = settings.VectorLengthOf(space);

    /// <summary>Whether every parameter of the model, and every sum that the solver keeps of one, is a finite number.</summary>
    public bool IsFinite(in ParameterSource source)
    {
        var (stride, planes) = (source.Tables.Stride, source.Planes);
        for (var row = 0; row < space.FactorCount; row++)
        {
            var vector = source.Vector(row);
            if (!AreFinite(vector, _vectorLength, scale.RootDeviation) || !AreFinite(vector + stride, stride * (planes - 1), 1))
            {
                return false;
            }
        }

        for (var row = 0; row < space.ColumnCount; row++)
        {
            if (!IsWeightFinite(source.Weight(row), planes))
            {
                return false;
            }
        }

        for (var special = 0; special < _specials; special++)
        {
            if (!IsWeightFinite(source.Special(special), planes))
            {
                return false;
            }
        }

        return true;
    }

    public FactorizationModel ToModel(in ParameterSource source, FeatureIndex? features, HistorySettings? history = null)
    {
        var weights = new float[space.ColumnCount];
        for (var column = 0; column < weights.Length; column++)
        {
            weights[column] = scale.Deviation * *source.Weight(numbering.WeightRowOf(column));
        }

        var stride = FactorizationModel.StrideOf(_vectorLength);
        var factors = new float[checked(space.FactorCount * stride)];
        for (var factor = 0; factor < space.FactorCount; factor++)
        {
            var vector = source.Vector(numbering.RowOfFactor(factor));
            for (var d = 0; d < _vectorLength; d++)
            {
                // ⟨v_i, v_j⟩ scales with the square of the vectors.
                factors[(factor * stride) + d] = scale.RootDeviation * vector[d];
            }
        }

        return new(
            space,
            settings.Crossing,
            settings.Loss,
            settings.Factors,
            scale.Mean + (scale.Deviation * *source.Special(0)),
            weights,
            factors,
            scale.Minimum,
            scale.Maximum,
            features,
            FieldWeights(source),
            history
        );
    }

    public TrainingState ToState(in ParameterSource source, FactorizationModel model)
    {
        var state = TrainingState.Empty(model, settings.Solver);
        for (var factor = 0; factor < space.FactorCount; factor++)
        {
            var row = numbering.RowOfFactor(factor);
            var sums = source.Vector(row) + source.Tables.Stride;
            for (var plane = 0; plane < state.Sums; plane++, sums += source.Tables.Stride)
            {
                new Span<float>(sums, _vectorLength).CopyTo(state.FactorSumsOf(factor, plane));
            }

            if (source.FactorTouches is not null)
            {
                state.FactorTouches[factor] = source.FactorTouches[row];
            }
        }

        for (var parameter = 0; parameter < space.ColumnCount + _specials; parameter++)
        {
            var weight = WeightOf(source, parameter);
            new Span<float>(weight + 1, state.Sums).CopyTo(state.WeightSumsOf(parameter));
            if (source.WeightTouches is not null)
            {
                state.WeightTouches[parameter] = source.WeightTouches[source.Tables.WeightRowAt(weight)];
            }
        }

        return state;
    }

    /// <summary>Takes over from a state: the columns that its model has too, the bias, and the weights of pairs of fields that it has too.</summary>
    /// <param name="source">The parameters to change.</param>
    /// <param name="state">The state, of the same number of factors.</param>
    /// <param name="formerColumns">For each column that of the state, or −1.</param>
    public void Start(in ParameterSource source, TrainingState state, ReadOnlySpan<int> formerColumns)
    {
        var former = state.Model;
        var sums = state.Solver == settings.Solver ? state.Sums : 0;
        var parts = PartsOf(former);
        for (var column = 0; column < formerColumns.Length; column++)
        {
            if (formerColumns[column] is >= 0 and var formerColumn)
            {
                Set(source, column, former.Weights[formerColumn] / scale.Deviation, state, formerColumn, sums);
                SetVector(source, numbering.FactorRowOf(column), state, former.Space.FactorOf(formerColumn), sums, parts);
            }
        }

        Set(source, space.ColumnCount, (former.Bias - scale.Mean) / scale.Deviation, state, former.Space.ColumnCount, sums);
        if (_specials == 1 || former.Crossing != Crossing.FieldWeighted)
        {
            return;
        }

        var formerFields = former.Space.Fields.ToList();
        int[] formerField = [.. space.Fields.Select(field => formerFields.IndexOf(field))];
        for (var f = 0; f < space.FieldCount; f++)
        {
            for (var g = f + 1; g < space.FieldCount; g++)
            {
                if (formerField[f] >= 0 && formerField[g] >= 0)
                {
                    var (low, high) = (Math.Min(formerField[f], formerField[g]), Math.Max(formerField[f], formerField[g]));
                    var formerPair = former.Space.ColumnCount + 1 + (low * former.Space.FieldCount) + high;
                    Set(source, space.ColumnCount + 1 + (f * space.FieldCount) + g, former.FieldWeight(low, high), state, formerPair, sums);
                }
            }
        }
    }

    /// <summary>The weight of a column; behind those, the bias and the field weights.</summary>
    private float* WeightOf(in ParameterSource source, int parameter) =>
        parameter < space.ColumnCount ? source.Weight(numbering.WeightRowOf(parameter)) : source.Special(parameter - space.ColumnCount);

    private void Set(in ParameterSource source, int parameter, float value, TrainingState state, int formerParameter, int sums)
    {
        var weight = WeightOf(source, parameter);
        *weight = value;
        if (sums > 0)
        {
            state.WeightSumsOf(formerParameter).CopyTo(new(weight + 1, sums));
        }

        if (sums > 0 && source.WeightTouches is not null)
        {
            source.WeightTouches[source.Tables.WeightRowAt(weight)] = state.WeightTouches[formerParameter];
        }
    }

    /// <summary>Which parts of k numbers of a latent vector are those of the former model: in a field-aware one those for the fields that both have.</summary>
    private (int Part, int FormerPart)[] PartsOf(FactorizationModel former)
    {
        if (settings.Crossing != Crossing.FieldAware)
        {
            return [(0, 0)];
        }

        var formerFields = former.Space.Fields.ToList();
        return [.. space.Fields.Select((field, part) => (part, formerFields.IndexOf(field))).Where(pair => pair.Item2 >= 0)];
    }

    private void SetVector(
        in ParameterSource source,
        int row,
        TrainingState state,
        int formerFactor,
        int sums,
        (int Part, int FormerPart)[] parts
    )
    {
        var vector = source.Vector(row);
        var k = settings.Factors;
        var former = state.Model.FactorTable.Slice(formerFactor * state.Model.Stride, state.Model.VectorLength);
        foreach (var (part, formerPart) in parts)
        {
            var (to, from) = (part * k, formerPart * k);
            for (var d = 0; d < k; d++)
            {
                vector[to + d] = former[from + d] / scale.RootDeviation;
            }

            for (var plane = 0; plane < sums; plane++)
            {
                state.FactorSumsOf(formerFactor, plane).Slice(from, k).CopyTo(new(vector + ((1 + plane) * source.Tables.Stride) + to, k));
            }
        }

        if (sums > 0 && source.FactorTouches is not null)
        {
            source.FactorTouches[row] = state.FactorTouches[formerFactor];
        }
    }

    private float[]? FieldWeights(in ParameterSource source)
    {
        if (_specials == 1)
        {
            return null;
        }

        var fields = space.FieldCount;
        var weights = new float[fields * fields];
        for (var f = 0; f < fields; f++)
        {
            for (var g = f + 1; g < fields; g++)
            {
                weights[(f * fields) + g] = weights[(g * fields) + f] = *source.Special(1 + (f * fields) + g);
            }
        }

        return weights;
    }

    private bool IsWeightFinite(float* weight, int planes) => float.IsFinite(*weight * scale.Deviation) && AreFinite(weight + 1, planes - 1, 1);

    private static bool AreFinite(float* numbers, int count, float factor)
    {
        // 0 · x is 0 unless x is infinite or no number.
        var zeros = Vector<float>.Zero;
        var n = 0;
        for (; n <= count - Vector<float>.Count; n += Vector<float>.Count)
        {
            zeros += Vector.Load(numbers + n) * factor * 0;
        }

        var zero = Vector.Sum(zeros);
        for (; n < count; n++)
        {
            zero += numbers[n] * factor * 0;
        }

        return zero == 0;
    }
}
