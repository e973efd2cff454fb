using RecService.Engine.Data;
using RecService.Engine.Kernels;

namespace RecService.Engine.Training.Parameters;

/// <summary>
/// Learns L2 while parameters are learned: parameters of a field have a normal prior whose variance is that of the field's parameters, as far as they
/// are known, so that fields that say nothing are drawn to 0 and do not disturb those that do (automatic relevance
/// determination: MacKay, "Probable networks and plausible predictions", 1995; of factorization machines: Freudenthaler, Schmidt-Thieme, Rendle, "Bayesian
/// Factorization Machines", 2011).
/// </summary>
/// <remarks>
/// What is known of a parameter, its Fisher information, is what an epoch adds to the solver's sums of squared gradients. Its variance is 1 / (information + L2), and
/// the variance of a field is the mean of θ² + that. Taken once, the uncertainty of factors would drown what is still small after the first
/// epochs: it counts twice at first, and once in the last epoch.
/// </remarks>
internal sealed unsafe class FieldRelevance
{
    private const double FirstShareOfFactors = 2;
    private const double LastShareOfFactors = 1;
    private const double ShareOfWeights = 0.5;

    /// <summary>The least variance, in units of the squared deviation of the initial factors.</summary>
    private const double LeastVariance = 0.01;

    private readonly FeatureSpace _space;
    private readonly TrainingSettings _settings;
    private readonly double[] _occurrences;
    private readonly float[] _weightSums;
    private readonly float[] _factorSums;
    private readonly double _meanWeight;
    private readonly int _vectorLength;

    /// <param name="space">The columns.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="occurrences">How often each column occurs in an epoch.</param>
    /// <param name="meanWeight">The mean weight of an example.</param>
    public FieldRelevance(FeatureSpace space, TrainingSettings settings, double[] occurrences, double meanWeight)
    {
        (_space, _settings, _occurrences, _meanWeight) = (space, settings, occurrences, meanWeight);
        _vectorLength = settings.VectorLengthOf(space);
        _weightSums = new float[space.ColumnCount];
        _factorSums = new float[space.ColumnCount];
        Array.Fill(_weightSums, settings.InitialAccumulator);
        Array.Fill(_factorSums, settings.InitialAccumulator);
    }

    /// <summary>Whether the solver keeps what this goes by.</summary>
    public static bool IsFor(Solver solver) => solver is Solver.AdaGrad or Solver.Adam;

    /// <summary>Sets L2 of all columns by what an epoch has learned.</summary>
    /// <param name="table">The parameters; no thread may be learning.</param>
    /// <param name="epoch">1 for the first.</param>
    /// <param name="noise">Variance of what no parameter explains: the mean squared slope by the second derivative of the loss.</param>
    public void Update(ParameterTable table, int epoch, double noise)
    {
        var progress = _settings.Epochs == 1 ? 1 : (epoch - 1.0) / (_settings.Epochs - 1);
        var shareOfFactors = FirstShareOfFactors + ((LastShareOfFactors - FirstShareOfFactors) * progress);
        var weights = new Spread[_space.FieldCount];
        var factors = new Spread[_space.FieldCount];
        for (var column = 0; column < _occurrences.Length; column++)
        {
            if (_occurrences[column] <= 0)
            {
                continue;
            }

            var field = _space.ColumnFields[column];
            var occurrences = _occurrences[column] * _meanWeight;
            var l2 = table.L2Of(column);
            var weight = table.WeightOf(column);
            weights[field].Add(weight[0] * (double)weight[0], 1, Information(weight[1..], _weightSums, column, noise), l2.Linear * occurrences, ShareOfWeights * noise);
            var vector = table.VectorOf(column);
            factors[field].Add(
                Squares(vector[.._vectorLength]),
                _vectorLength,
                Information(vector[table.Stride..], _factorSums, column, noise),
                l2.Factors * occurrences,
                shareOfFactors * noise
            );
        }

        var least = LeastVariance * _settings.InitialDeviation * _settings.InitialDeviation;
        table.SetL2(column =>
        {
            var (field, precision) = (_space.ColumnFields[column], noise / Math.Max(1, _occurrences[column] * _meanWeight));
            return new((float)(precision / weights[field].Variance(least)), (float)(precision / factors[field].Variance(least)));
        });
    }

    /// <summary>What an epoch has told of a parameter of a row, on average.</summary>
    /// <param name="sums">What the solver keeps of the row.</param>
    /// <param name="former">The mean of AdaGrad's sums before the epoch, by column; receives that after it.</param>
    /// <param name="column">The column.</param>
    /// <param name="noise">The variance that squared gradients are in units of.</param>
    private double Information(ReadOnlySpan<float> sums, float[] former, int column, double noise)
    {
        var numbers = sums.Length == 0 ? 0 : _settings.Solver == Solver.Adam ? sums.Length / 2 : sums.Length;
        // Of vectors only the numbers before the padding are ever touched: the others have gradients of 0.
        var (sum, count) = (0.0, numbers == 1 ? 1 : _vectorLength);
        foreach (var value in sums[(sums.Length - numbers)..][..count])
        {
            sum += value;
        }

        if (_settings.Solver == Solver.Adam)
        {
            return sum / count * _occurrences[column] / noise;
        }

        var mean = (float)(sum / count);
        var added = mean - former[column];
        former[column] = mean;
        return added / noise;
    }

    private static double Squares(ReadOnlySpan<float> vector)
    {
        var sum = 0.0;
        foreach (var value in vector)
        {
            sum += (double)value * value;
        }

        return sum;
    }

    /// <summary>How far the parameters of a field are spread.</summary>
    private struct Spread
    {
        private double _squares;
        private double _count;

        public void Add(double squares, int count, double information, double l2, double noise)
        {
            _squares += squares + (count * noise / (information + l2 + 1e-9));
            _count += count;
        }

        public readonly double Variance(double least) => _count == 0 ? least : Math.Max(least, _squares / _count);
    }
}
