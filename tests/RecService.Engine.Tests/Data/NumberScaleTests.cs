using RecService.Engine.Data;

namespace RecService.Engine.Tests.Data;

public sealed class NumberScaleTests
{
    [Fact]
    public void Without_wild_numbers_they_are_the_mean_and_the_standard_deviation()
    {
        var scale = Scale([(20, 3), (40, 1)]);

        scale.Mean.ShouldBe(25, 1e-12);
        scale.Deviation.ShouldBe(Math.Sqrt(75), 1e-12);
        scale.Clips(40).ShouldBeFalse();
    }

    [Fact]
    public void Of_normal_numbers_they_are_those_of_the_distribution()
    {
        var random = new Random(3);
        var numbers = new NumberCounts();
        for (var n = 0; n < 40_000; n++)
        {
            numbers.Add(1e9 + (50 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())));
        }

        var scale = NumberScale.Of(numbers);

        scale.Mean.ShouldBe(1e9, 1);
        scale.Deviation.ShouldBe(50, 1);
    }

    [Theory]
    [InlineData(19_700_101)]
    [InlineData(-1e300)]
    [InlineData(double.MaxValue)]
    public void A_wild_number_moves_neither(double wild)
    {
        var (without, with) = (Scale([(20, 30), (60, 30)]), Scale([(20, 30), (60, 30), (wild, 3)]));

        with.Mean.ShouldBe(without.Mean);
        with.Deviation.ShouldBe(without.Deviation);
        with.Clips(wild).ShouldBeTrue();
        with.Clips(60).ShouldBeFalse();
    }

    [Theory]
    [InlineData(3)]
    [InlineData(30)]
    [InlineData(997)]
    public void A_flag_keeps_its_two_values_however_rare_one_is(int ones)
    {
        var scale = Scale([(0, 1_000 - ones), (1, ones)]);
        ((1 - scale.Mean) / scale.Deviation).ShouldBeLessThanOrEqualTo(FeatureIndex.NumericLimit * 1.000001);
        ((1 - 0) / scale.Deviation).ShouldBeGreaterThan(1);
        scale.Clips(0).ShouldBeFalse();
        scale.Clips(1).ShouldBeFalse();

        var withWild = Scale([(0, 1_000 - ones), (1, ones), (19_700_101, 1)]);

        withWild.Deviation.ShouldBe(scale.Deviation);
        withWild.Clips(19_700_101).ShouldBeTrue();
    }

    [Fact]
    public void Most_numbers_of_a_long_tail_are_not_clipped()
    {
        // Quantiles of a log-normal-like distribution, σ = 1.
        var numbers = Enumerable.Range(0, 10_000).Select(n => (n + 0.5) / 10_000).Select(p => Math.Exp(0.5513 * Math.Log(p / (1 - p)))).ToArray();
        var scale = Scale([.. numbers.Select(number => (number, 1L))]);

        numbers.Count(scale.Clips).ShouldBeInRange(1, 200);
        scale.Deviation.ShouldBeInRange(0.5, 2.5);
    }

    [Fact]
    public void What_never_varies_has_no_deviation()
    {
        Scale([(1990, 5)]).Deviation.ShouldBe(0);
        Scale([]).Deviation.ShouldBe(0);
        Scale([(1e16, 5), (Math.BitIncrement(1e16), 5)]).Deviation.ShouldBe(0, "the difference is lost in their size");
        Scale([(-double.MaxValue, 5), (double.MaxValue, 5)]).Deviation.ShouldBe(0, "the squares overflow");
    }

    private static NumberScale Scale((double Number, long Times)[] numbers)
    {
        var counts = new NumberCounts();
        foreach (var (number, times) in numbers)
        {
            counts.Add(number, times);
        }

        return NumberScale.Of(counts);
    }
}
