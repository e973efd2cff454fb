namespace RecService.Engine.Data;

/// <summary>What numbers there are and how often, in bounded memory and whatever the order that they come in.</summary>
/// <remarks>
/// Exact up to <see cref="MaximumDistinct"/> different numbers. Beyond them numbers lose low bits of their mantissa, one bit after the other, until few enough
/// are different: at least 2 bits of the mantissa are left, and many more where the numbers lie close together.
/// </remarks>
public sealed class NumberCounts
{
    /// <summary>How many different numbers are told apart.</summary>
    public const int MaximumDistinct = 16_384;

    private Dictionary<long, long> _counts = [];
    private int _lostBits;

    /// <summary>How many numbers there are.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a finite number, at least one time.</summary>
    public void Add(double number, long times = 1)
    {
        if (!double.IsFinite(number))
        {
            throw new ArgumentException("The number must be finite.", nameof(number));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(times, 1);
        Count += times;
        Add(_counts, Ordered(number) >> _lostBits, times);
        while (_counts.Count > MaximumDistinct)
        {
            var fewer = new Dictionary<long, long>();
            foreach (var (key, count) in _counts)
            {
                Add(fewer, key >> 1, count);
            }

            _counts = fewer;
            _lostBits++;
        }
    }

    /// <summary>The numbers in ascending order, each with its count.</summary>
    public IReadOnlyList<(double Number, long Times)> InOrder() =>
        [.. _counts.OrderBy(entry => entry.Key).Select(entry => (Number(entry.Key), entry.Value))];

    /// <summary>How the numbers lie around their median; all 0 when there are none.</summary>
    /// <param name="farShare">The share of the numbers, but at least one, that may lie farther from the median than <see cref="NumberSpread.Far"/>; 0 to
    /// 1.</param>
    public NumberSpread Spread(double farShare)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(farShare);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(farShare, 1);
        var numbers = InOrder();
        if (numbers.Count == 0)
        {
            return default;
        }

        var median = At(numbers, (Count - 1) / 2);
        (double Number, long Times)[] distances =
        [
            .. numbers.Select(entry => (Math.Abs(entry.Number - median), entry.Times)).OrderBy(entry => entry.Item1),
        ];
        (double Number, long Times)[] others = [.. distances.Where(entry => entry.Number > 0)];
        var typical = others.Length == 0 ? 0 : At(others, (others.Sum(entry => entry.Times) - 1) / 2);
        var farther = Math.Max(1, (long)(Count * farShare));
        return new(median, typical, farther >= Count ? 0 : At(distances, Count - 1 - farther));
    }

    /// <summary>The median of the numbers that a condition holds for, the lower one of two; null when there are none.</summary>
    public double? MedianOf(Func<double, bool> condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        (double Number, long Times)[] numbers = [.. InOrder().Where(entry => condition(entry.Number))];
        return numbers.Length == 0 ? null : At(numbers, (numbers.Sum(entry => entry.Times) - 1) / 2);
    }

    /// <summary>The number of a rank, from 0.</summary>
    private static double At(IReadOnlyList<(double Number, long Times)> numbers, long rank)
    {
        foreach (var (number, times) in numbers)
        {
            if (rank < times)
            {
                return number;
            }

            rank -= times;
        }

        return numbers[^1].Number;
    }

    private static void Add(Dictionary<long, long> counts, long key, long times) => counts[key] = counts.GetValueOrDefault(key) + times;

    /// <summary>Bits that are in the order of the numbers; −0 has those of 0.</summary>
    private static long Ordered(double number)
    {
        var bits = BitConverter.DoubleToInt64Bits(number + 0.0);
        return bits ^ ((bits >> 63) & long.MaxValue);
    }

    /// <summary>The number in the middle of those that have become one.</summary>
    private double Number(long key)
    {
        var ordered = _lostBits == 0 ? key : (key << _lostBits) + (1L << (_lostBits - 1));
        return BitConverter.Int64BitsToDouble(ordered ^ ((ordered >> 63) & long.MaxValue));
    }
}

/// <summary>How numbers lie around their median.</summary>
/// <param name="Median">The median, the lower one of two.</param>
/// <param name="Typical">The median distance from it of those that are not it; 0 when all are the same.</param>
/// <param name="Far">The distance that no more than a share of the numbers exceeds.</param>
public readonly record struct NumberSpread(double Median, double Typical, double Far);
