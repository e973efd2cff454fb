using RecService.Engine.Data;

namespace RecService.Engine.Tests.Data;

public sealed class NumberCountsTests
{
    [Fact]
    public void The_median_may_be_that_of_some_of_the_numbers()
    {
        var numbers = new NumberCounts();
        numbers.Add(-5, 10);
        numbers.Add(1, 2);
        numbers.Add(3);
        numbers.Add(7);

        numbers.MedianOf(number => number > 0).ShouldBe(1);
        numbers.MedianOf(number => number > 1).ShouldBe(3);
        numbers.MedianOf(_ => true).ShouldBe(-5);
        numbers.MedianOf(number => number > 7).ShouldBeNull();
    }

    [Fact]
    public void Numbers_are_counted_and_come_in_ascending_order()
    {
        var counts = Of([3, -1, double.Epsilon, 3, -0.0, 0, -1e300, 3]);

        counts.Count.ShouldBe(8);
        counts.InOrder().ShouldBe([(-1e300, 1), (-1, 1), (0, 2), (double.Epsilon, 1), (3, 3)]);
    }

    [Fact]
    public void The_median_the_typical_distance_and_how_far_all_but_a_share_are_come_from_the_ranks()
    {
        var numbers = Enumerable.Range(1, 1_000).Select(n => (double)n).ToArray();

        // 500 ± 250, of whose distances 0 does not count; 5 of 1,000 are farther than 497.
        Of(numbers).Spread(0.005).ShouldBe(new NumberSpread(500, 250, 497));
        Of([.. numbers, 1e9]).Spread(0).ShouldBe(new NumberSpread(501, 250, 500));
        Of([7, 7, 7]).Spread(0).ShouldBe(new NumberSpread(7, 0, 0));
        new NumberCounts().Spread(0).ShouldBe(default);
    }

    [Fact]
    public void Many_different_numbers_take_bounded_memory_and_keep_their_ranks_whatever_their_order()
    {
        // Seconds of a month: close together as compared with their size.
        var numbers = Enumerable.Range(0, 200_000).Select(n => 1_700_000_000.0 + (n * 13.0)).ToArray();
        var (forwards, backwards) = (Of(numbers), Of([.. numbers.Reverse()]));

        forwards.InOrder().Count.ShouldBeInRange(NumberCounts.MaximumDistinct / 4, NumberCounts.MaximumDistinct);
        backwards.InOrder().ShouldBe(forwards.InOrder());
        forwards.Count.ShouldBe(200_000);
        var spread = forwards.Spread(0);
        spread.Median.ShouldBe(1_701_300_000, 500);
        spread.Typical.ShouldBe(650_000, 500);
        spread.Far.ShouldBe(1_300_000, 500);
    }

    [Fact]
    public void Numbers_of_all_sizes_are_told_apart_by_their_size()
    {
        var random = new Random(1);
        var numbers = Enumerable.Range(0, 100_000).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue)));
        var counts = Of([.. numbers.Where(double.IsFinite)]);

        counts.InOrder().Count.ShouldBeLessThanOrEqualTo(NumberCounts.MaximumDistinct);
        counts.InOrder().Zip(counts.InOrder().Skip(1)).ShouldAllBe(pair => pair.First.Number < pair.Second.Number);
        counts.InOrder().ShouldAllBe(entry => double.IsFinite(entry.Number));
    }

    [Fact]
    public void What_is_no_number_is_refused()
    {
        Should.Throw<ArgumentException>(() => new NumberCounts().Add(double.NaN));
        Should.Throw<ArgumentException>(() => new NumberCounts().Add(double.PositiveInfinity));
        Should.Throw<ArgumentException>(() => new NumberCounts().Add(1, times: 0));
        Should.Throw<ArgumentException>(() => new NumberCounts().Spread(1.5));
    }

    private static NumberCounts Of(double[] numbers)
    {
        var counts = new NumberCounts();
        foreach (var number in numbers)
        {
            counts.Add(number);
        }

        return counts;
    }
}
