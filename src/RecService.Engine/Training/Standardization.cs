using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>
/// Brings columns of numbers, such as ages and incomes, to a scale that steps and L2 suit: x' = (x − μ) / σ where most rows have the column, with what a row
/// leaves out as the 0 that it means, and x' = x / √(mean x²) where few have it. Columns within −1 … 1 stay as they are. A model that was
/// learned from such rows is turned back into one of rows as they were, which gives the same scores.
/// </summary>
public sealed class Standardization
{
    private const float Unit = 1.0001f;

    /// <summary>The share of rows from which on a column is taken to be one that every row has.</summary>
    private const double DenseShare = 0.5;

    private readonly FeatureSpace _space;
    private readonly float[] _scales;
    private readonly float[] _offsets;
    private readonly int[] _dense;

    private Standardization(FeatureSpace space, float[] scales, float[] offsets, int[] columns)
    {
        (_space, _scales, _offsets, Columns) = (space, scales, offsets, columns);
        _dense = [.. columns.Where(column => offsets[column] != 0)];
    }

    /// <summary>The columns that are brought to another scale, in ascending order.</summary>
    public IReadOnlyList<int> Columns { get; }

    /// <summary>What examples want; null where no column holds a number outside of −1 … 1, other than one that shares its latent vector.</summary>
    /// <param name="space">The columns.</param>
    /// <param name="examples">The examples to learn from.</param>
    public static Standardization? Of(FeatureSpace space, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(examples);
        examples.CheckColumns(space);
        if (examples.Blocks.All(block => block.Values.IsEmpty))
        {
            return null;
        }

        var found = new Moments[space.ColumnCount];
        var buffer = new RowBuffer();
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.Gather(example, buffer);
            for (var entry = 0; entry < row.Length; entry++)
            {
                found[row.Columns[entry]].Add(example, row.ValueAt(entry));
            }
        }

        var (scales, offsets) = (new float[found.Length], new float[found.Length]);
        Array.Fill(scales, 1);
        var shares = new int[space.FactorCount];
        for (var column = 0; column < found.Length; column++)
        {
            shares[space.FactorOf(column)]++;
        }

        var columns = new List<int>();
        for (var column = 0; column < found.Length; column++)
        {
            if (found[column].Greatest > Unit && shares[space.FactorOf(column)] == 1)
            {
                (scales[column], offsets[column]) = found[column].ScaleOf(examples.Count);
                columns.Add(column);
            }
        }

        return columns.Count == 0 ? null : new(space, scales, offsets, [.. columns]);
    }

    /// <summary>The examples on the scale that is learned on.</summary>
    public ExampleSet Apply(ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        examples.CheckColumns(_space);
        var rows = new SparseRowsBuilder(_space.ColumnCount);
        var buffer = new RowBuffer();
        var lastRow = new int[_space.ColumnCount];
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.Gather(example, buffer);
            for (var entry = 0; entry < row.Length; entry++)
            {
                var column = row.Columns[entry];
                // Of a column that stands in a row twice, the offset counts once, as its values add up.
                var offset = lastRow[column] == example + 1 ? 0 : _offsets[column];
                lastRow[column] = example + 1;
                rows.Add(column, (row.ValueAt(entry) * _scales[column]) + offset);
            }

            foreach (var column in _dense)
            {
                if (lastRow[column] != example + 1)
                {
                    rows.Add(column, _offsets[column]);
                }
            }

            rows.EndRow();
        }

        return new(rows.Build(), examples.Targets, examples.Weights);
    }

    /// <summary>
    /// The model of rows as they were that scores them as <paramref name="model"/> scores what <see cref="Apply"/> makes of them: with x' = a x + c,
    /// v = a v', w_i = a_i (w'_i + Σ_j r_ij ⟨v'_i, v'_j⟩ c_j), and w_0 = w'_0 + Σ_i w'_i c_i + Σ_{i&lt;j} r_ij ⟨v'_i, v'_j⟩ c_i c_j.
    /// </summary>
    public FactorizationModel ToModelOfRows(FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (!model.Space.HasSameColumnsAs(_space))
        {
            throw new ArgumentException("The model has other columns.", nameof(model));
        }

        var bias = (double)model.Bias;
        var opposites = Opposites(model);
        var weights = model.Weights.ToArray();
        var factors = model.FactorTable.ToArray();
        for (var column = 0; column < weights.Length; column++)
        {
            var vector = model.FactorsOf(column);
            var field = _space.ColumnFields[column];
            var slope = (double)weights[column];
            for (var d = 0; d < model.VectorLength; d++)
            {
                var opposite = opposites[field][d] - (CrossesWithin(model, field, d) ? (double)vector[d] * _offsets[column] : 0);
                slope += opposite * vector[d];
                // Each pair is met from both sides.
                bias += opposite * vector[d] * _offsets[column] / 2;
            }

            bias += (double)weights[column] * _offsets[column];
            weights[column] = (float)(slope * _scales[column]);
        }

        foreach (var column in Columns)
        {
            foreach (ref var factor in factors.AsSpan(_space.FactorOf(column) * model.Stride, model.VectorLength))
            {
                factor *= _scales[column];
            }
        }

        return new(
            model.Space,
            model.Crossing,
            model.Loss,
            model.Factors,
            (float)bias,
            weights,
            factors,
            model.TargetMinimum,
            model.TargetMaximum,
            model.Features,
            model.FieldWeights.IsEmpty ? null : model.FieldWeights.ToArray(),
            model.History
        );
    }

    /// <summary>Whether a component of the vectors of a field crosses with that of other columns of the field.</summary>
    private static bool CrossesWithin(FactorizationModel model, int field, int d) =>
        model.Crossing == Crossing.Plain || (model.Crossing == Crossing.FieldAware && d / model.Factors == field);

    /// <summary>Σ c_i v'_i of what crosses with the columns of each field.</summary>
    private double[][] Opposites(FactorizationModel model)
    {
        var fields = _space.FieldCount;
        var ofFields = new double[fields][];
        for (var field = 0; field < fields; field++)
        {
            ofFields[field] = new double[model.VectorLength];
        }

        foreach (var column in _dense)
        {
            var vector = model.FactorsOf(column);
            for (var d = 0; d < vector.Length; d++)
            {
                ofFields[_space.ColumnFields[column]][d] += (double)vector[d] * _offsets[column];
            }
        }

        var opposite = new double[fields][];
        for (var field = 0; field < fields; field++)
        {
            opposite[field] = new double[model.VectorLength];
            for (var other = 0; other < fields; other++)
            {
                if (model.Crossing == Crossing.FieldAware)
                {
                    Array.Copy(ofFields[other], field * model.Factors, opposite[field], other * model.Factors, model.Factors);
                    continue;
                }

                var weight = model.Crossing switch
                {
                    Crossing.Plain => 1,
                    Crossing.FieldPooled => field == other ? 0 : 1,
                    _ => model.FieldWeights[(field * fields) + other],
                };
                for (var d = 0; d < model.Factors; d++)
                {
                    opposite[field][d] += weight * ofFields[other][d];
                }
            }
        }

        return opposite;
    }

    /// <summary>What is known of the values of a column.</summary>
    private struct Moments
    {
        private int _last;
        private int _rows;
        private bool _repeats;
        private double _sum;
        private double _squares;

        public float Greatest { get; private set; }

        public void Add(int example, float value)
        {
            _repeats |= _last == example + 1;
            _rows += _last == example + 1 ? 0 : 1;
            _last = example + 1;
            _sum += value;
            _squares += (double)value * value;
            Greatest = Math.Max(Greatest, Math.Abs(value));
        }

        public readonly (float Scale, float Offset) ScaleOf(int examples)
        {
            var mean = _sum / examples;
            var deviation = Math.Sqrt(Math.Max(0, (_squares / examples) - (mean * mean)));
            // Of the same number everywhere nothing is left but what rounding makes.
            return _rows > examples * DenseShare && !_repeats && deviation > 1e-6 * Math.Abs(mean)
                ? ((float)(1 / deviation), (float)(-mean / deviation))
                : ((float)(1 / Math.Sqrt(_squares / _rows)), 0);
        }
    }
}
