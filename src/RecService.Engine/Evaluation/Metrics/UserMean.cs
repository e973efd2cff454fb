namespace RecService.Engine.Evaluation.Metrics;

/// <summary>The mean of a metric over users, with the value of each user behind it.</summary>
public sealed class UserMean
{
    private readonly int[] _users;
    private readonly double[] _values;
    private readonly double[] _weights;

    /// <param name="users">The users, ascending.</param>
    /// <param name="values">Value of each.</param>
    /// <param name="weights">Weight of each; empty when all count 1.</param>
    internal UserMean(int[] users, double[] values, double[] weights)
    {
        _users = users;
        _values = values;
        _weights = weights;
        double sum = 0,
            total = 0;
        for (var user = 0; user < values.Length; user++)
        {
            var weight = weights.Length == 0 ? 1 : weights[user];
            sum += weight * values[user];
            total += weight;
        }

        Mean = sum / total;
    }

    /// <summary>Σ w v / Σ w over the users' values v and weights w.</summary>
    public double Mean { get; }

    /// <summary>The users that have a value, ascending.</summary>
    public ReadOnlySpan<int> Users => _users;

    /// <summary>Value of each of <see cref="Users"/>.</summary>
    public ReadOnlySpan<double> Values => _values;

    /// <summary>Weight of each of <see cref="Users"/>; empty when all count 1.</summary>
    public ReadOnlySpan<double> Weights => _weights;

    /// <summary>The 95 % confidence interval of the mean by <see cref="Bootstrap.Interval"/>, in O(users · resamples).</summary>
    /// <param name="resamples">Number of resamples, at least 40.</param>
    /// <param name="seed">Seed of the draws.</param>
    public ConfidenceInterval Interval(int resamples = 2_000, ulong seed = 1) => Bootstrap.Interval(_values, _weights, resamples, seed);
}
