using RecService.Engine.Data;

namespace RecService.Api.Training;

/// <summary>The values of interactions that can be meant.</summary>
/// <param name="Minimum">The lowest; null when there is no bound.</param>
/// <param name="Maximum">The highest; null when there is no bound.</param>
internal sealed record ValueRange(double? Minimum, double? Maximum)
{
    /// <summary>Fewer values than this tell nothing of their range.</summary>
    public const int FewestValues = 20;

    /// <summary>The share of the values, but at least one, that the inferred range does not go by.</summary>
    private const double FarShare = 0.001;

    /// <summary>How many times as far from the median as those that it goes by the range reaches at least.</summary>
    private const double LeastReach = 10;

    /// <summary>How many times as large as the median no value can be, however few there are.</summary>
    private const double Absurd = 1e6;

    /// <summary>Every value.</summary>
    public static ValueRange Any { get; } = new(Minimum: null, Maximum: null);

    public bool Holds(double? value) => !(value < Minimum) && !(value > Maximum);

    /// <summary>
    /// The range of values like the given ones, wide enough that what belongs to them is not left out: with f the distance from the median that one value
    /// in a thousand exceeds, it is f times the square of f over the typical distance, and at least ten times f, on either side. On a scale such as
    /// 1 to 5, that is a few tens. Play counts and amounts, whose tails are long, have an f of many typical distances, and so a range that grows with
    /// the tail: even where the share above x falls like 1/x, one value in 10⁹ exceeds it.
    /// </summary>
    public static ValueRange Of(NumberCounts values)
    {
        if (values.Count < FewestValues || values.Spread(FarShare) is not { Far: > 0 } spread)
        {
            return OfFew(values);
        }

        var tail = spread.Far / spread.Typical;
        var reach = spread.Far * Math.Max(LeastReach, tail * tail);
        return double.IsFinite(spread.Median - reach) && double.IsFinite(spread.Median + reach)
            ? new(spread.Median - reach, spread.Median + reach)
            : Any;
    }

    /// <summary>
    /// The range where few values, or values that are all but the same, tell nothing of it: what is millions of times as large as the median of all is
    /// a slip all the same, such as one rating of 1e30, and a model would learn nothing but that one.
    /// </summary>
    private static ValueRange OfFew(NumberCounts values)
    {
        var sizes = new NumberCounts();
        foreach (var (number, times) in values.InOrder().Where(entry => entry.Number != 0))
        {
            // So that the upper one of two medians is the lower one: what is left out is fewer than half.
            sizes.Add(-Math.Abs(number), times);
        }

        return sizes.MedianOf(_ => true) * -Absurd is { } reach && double.IsFinite(reach) && values.InOrder().Any(entry => Math.Abs(entry.Number) > reach)
            ? new(-reach, reach)
            : Any;
    }
}
