using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>
/// Rows with one feature of each field, drawn with frequencies that fall off as those of real ids do, and targets from a known plain factorization
/// machine plus
/// noise. For measuring speed on data of a given shape, and whether training finds what can be found. Immutable.
/// </summary>
/// <remarks>
/// Within a field, feature of rank r has a frequency proportional to 1/(r + q), q = <see cref="Shift"/> · size (Zipf, Mandelbrot), the ranks dealt
/// out at random.
/// </remarks>
public sealed class OneHotTruth
{
    private readonly int[] _sizes;
    private readonly float[] _weights;
    private readonly float[] _vectors;

    /// <param name="fieldSizes">Number of features of each field.</param>
    /// <param name="factors">k of the truth.</param>
    /// <param name="noise">σ of the noise on targets; of their standard deviation without noise, which is 1.</param>
    /// <param name="seed">Seed of the truth.</param>
    /// <param name="shift">q over the size of a field, above 0: the smaller, the more frequent are the most frequent.</param>
    public OneHotTruth(IReadOnlyList<int> fieldSizes, int factors = 4, double noise = 0.5, ulong seed = 1, double shift = 0.01)
    {
        ArgumentNullException.ThrowIfNull(fieldSizes);
        ArgumentOutOfRangeException.ThrowIfNegative(factors);
        ArgumentOutOfRangeException.ThrowIfNegative(noise);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shift);
        if (fieldSizes.Count == 0 || fieldSizes.Any(size => size < 1))
        {
            throw new ArgumentException("At least one field is needed, each of at least one feature.", nameof(fieldSizes));
        }

        _sizes = [.. fieldSizes];
        Factors = factors;
        Noise = noise;
        Seed = seed;
        Shift = shift;
        var columns = checked(_sizes.Sum());
        Space = new(
            [.. Enumerable.Range(0, _sizes.Length).Select(field => FormattableString.Invariant($"{field}"))],
            [.. _sizes.SelectMany((size, field) => Enumerable.Repeat(field, size))]
        );
        var random = new RandomSource(seed);
        // Half of the variance from the weights, half from the pairs of fields.
        var pairs = _sizes.Length * (_sizes.Length - 1) / 2;
        var ofWeights = Math.Sqrt(0.5 / _sizes.Length);
        var ofVectors = Math.Pow(0.5 / Math.Max(1, pairs * factors), 0.25);
        _weights = [.. Enumerable.Range(0, columns).Select(_ => (float)(ofWeights * random.NextNormal()))];
        _vectors = [.. Enumerable.Range(0, columns * factors).Select(_ => (float)(ofVectors * random.NextNormal()))];
    }

    /// <summary>The columns: those of a field lie together, in the order of the fields.</summary>
    public FeatureSpace Space { get; }

    /// <summary>k of the truth.</summary>
    public int Factors { get; }

    /// <summary>σ of the noise: the RMSE of the truth itself.</summary>
    public double Noise { get; }

    /// <summary>The seed.</summary>
    public ulong Seed { get; }

    /// <summary>q over the size of a field.</summary>
    public double Shift { get; }

    /// <summary>Draws examples.</summary>
    /// <param name="count">How many.</param>
    /// <param name="part">Another part gives other rows of the same truth: 0 to train on, 1 to test on.</param>
    /// <param name="binary">Whether targets are 1 with probability σ(y) and 0 else, in place of y plus noise.</param>
    public ExampleSet Draw(int count, int part = 0, bool binary = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        var ranks = new RandomSource(Seed + 1);
        WeightedDraw[] draws = [.. _sizes.Select(size => WeightedDraw.Zipf(size, Shift * size, ranks))];
        var random = new RandomSource(Seed + 2 + ((ulong)part << 32));
        var rows = new SparseRowsBuilder(Space.ColumnCount);
        var targets = new float[count];
        Span<int> row = stackalloc int[_sizes.Length];
        for (var example = 0; example < count; example++)
        {
            var first = 0;
            for (var field = 0; field < row.Length; field++)
            {
                row[field] = first + draws[field].Next(random);
                rows.Add(row[field]);
                first += _sizes[field];
            }

            rows.EndRow();
            var score = TrueScore(row);
            targets[example] = binary
                ? random.NextDouble() < 1 / (1 + Math.Exp(-score))
                    ? 1
                    : 0
                : (float)(score + (Noise * random.NextNormal()));
        }

        return new(rows.Build(), targets);
    }

    /// <summary>y of a row, without noise: what no model can do better than predict.</summary>
    /// <param name="columns">The columns of the row, one of each field.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is outside the space.</exception>
    public double TrueScore(ReadOnlySpan<int> columns)
    {
        foreach (var column in columns)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)_weights.Length, nameof(columns));
        }

        var score = 0.0;
        Span<double> sum = stackalloc double[Factors];
        sum.Clear();
        foreach (var column in columns)
        {
            score += _weights[column];
            for (var d = 0; d < Factors; d++)
            {
                var value = _vectors[(column * Factors) + d];
                score += sum[d] * value;
                sum[d] += value;
            }
        }

        return score;
    }
}
