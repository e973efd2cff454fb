namespace RecService.Engine.Data;

/// <summary>Where numbers lie and how far apart, whatever a few wild ones among them are.</summary>
/// <remarks>
/// The median distance from the median tells which numbers are wild: those farther from it than <see cref="FeatureIndex.NumericLimit"/> deviations that a
/// normal distribution with this median distance has. Numbers that are the median do not count for it, so that it is not 0 where most are the same, as of a
/// rare flag. Mean and deviation are those of the others.
/// </remarks>
internal sealed class NumberScale
{
    /// <summary>The median distance from the median in a normal distribution, in standard deviations.</summary>
    private const double NormalMedianDistance = 0.674489750196;

    private readonly double _median;
    private readonly double _reach;

    private NumberScale(double median, double reach, double mean, double deviation)
    {
        _median = median;
        _reach = reach;
        Mean = mean;
        Deviation = deviation;
    }

    public double Mean { get; }

    /// <summary>
    /// The standard deviation, or more: no number but the wild ones is farther than <see cref="FeatureIndex.NumericLimit"/> of it from the mean. 0 when all
    /// numbers are the same, when there are none, and when their squares overflow.
    /// </summary>
    public double Deviation { get; }

    public static NumberScale Of(NumberCounts numbers)
    {
        var spread = numbers.Spread(farShare: 0);
        var reach = FeatureIndex.NumericLimit * (spread.Typical / NormalMedianDistance);
        double count = 0,
            mean = 0,
            squares = 0,
            lowest = double.PositiveInfinity,
            highest = double.NegativeInfinity;
        foreach (var (number, times) in numbers.InOrder().Where(entry => IsWithin(entry.Number, spread.Median, reach)))
        {
            // Weighted form of Welford's recurrence (West 1979): stable for large means.
            count += times;
            var delta = number - mean;
            mean += delta * times / count;
            squares += times * delta * (number - mean);
            lowest = Math.Min(lowest, number);
            highest = Math.Max(highest, number);
        }

        var varies = double.IsFinite(squares) && squares > count * mean * mean * 1e-24;
        var farthest = Math.Max(highest - mean, mean - lowest);
        return new(spread.Median, reach, mean, varies ? Math.Max(Math.Sqrt(squares / count), farthest / FeatureIndex.NumericLimit) : 0);
    }

    /// <summary>Whether a number is wild, and so clipped.</summary>
    public bool Clips(double number) => !IsWithin(number, _median, _reach) && Math.Abs(number - Mean) > FeatureIndex.NumericLimit * Deviation;

    private static bool IsWithin(double number, double median, double reach) => Math.Abs(number - median) <= reach;
}
