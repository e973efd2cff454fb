using RecService.Api.Training;
using RecService.Engine.Data;

namespace RecService.Api.Tests.Training;

public sealed class ValueRangeTests
{
    [Fact]
    public void On_a_scale_of_stars_what_cannot_be_stars_is_out_of_range()
    {
        var range = Of(Enumerable.Range(0, 200).Select(n => 1.0 + (n % 5)).Append(1_000));

        range.Holds(1_000).ShouldBeFalse();
        range.Holds(100).ShouldBeFalse();
        range.Holds(-100).ShouldBeFalse();
        foreach (var value in new double?[] { null, 0, 0.5, 5, 10 })
        {
            range.Holds(value).ShouldBeTrue();
        }
    }

    [Fact]
    public void One_value_in_a_thousand_may_be_wrong_and_more_of_them_are_part_of_what_there_is()
    {
        var stars = Enumerable.Range(0, 10_000).Select(n => 1.0 + (n % 5)).ToArray();

        Of([.. stars, .. Enumerable.Repeat(1_000.0, 10)]).Holds(1_000).ShouldBeFalse();
        Of([.. stars, .. Enumerable.Repeat(1_000.0, 11)]).Holds(1_000).ShouldBeTrue();
    }

    [Theory]
    [InlineData(300)]
    [InlineData(100_000)]
    public void No_value_with_a_long_tail_is_out_of_range(int count)
    {
        // Quantiles of tails that fall like 1/x and 1/√x, of an exponential and of a log-normal-like one (σ = 2), and as many of both signs.
        double[] places = [.. Enumerable.Range(0, count).Select(n => (n + 0.5) / count)];
        Func<double, double>[] quantiles =
        [
            p => 1 / (1 - p),
            p => Math.Round(1 / (1 - p)),
            p => 1 / Math.Pow(1 - p, 2),
            p => -Math.Log(1 - p),
            p => Math.Exp(2 * 0.5513 * Math.Log(p / (1 - p))),
            p => Math.Tan(Math.PI * (p - 0.5)),
        ];
        foreach (var quantile in quantiles)
        {
            double[] values = [.. places.Select(quantile)];
            var range = Of(values);
            values.ShouldAllBe(value => range.Holds(value));
            range.Holds(10 * values[^1]).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_like_that_is_taken_back_is_in_range_however_rare_it_is()
    {
        Of(Enumerable.Repeat(1.0, 100_000).Append(-1)).Holds(-1).ShouldBeTrue();
        Of(Enumerable.Repeat(1.0, 1_000).Concat(Enumerable.Repeat(0.0, 30)).Append(-1)).Holds(-1).ShouldBeTrue();
    }

    [Fact]
    public void Few_values_tell_nothing_of_their_range_and_neither_do_values_that_are_all_the_same()
    {
        Of(Enumerable.Range(0, 18).Select(n => 1.0 + (n % 5)).Append(1_000)).ShouldBe(ValueRange.Any);
        Of(Enumerable.Range(0, 19).Select(n => 1.0 + (n % 5)).Append(1_000)).Holds(1_000).ShouldBeFalse();
        Of(Enumerable.Repeat(5.0, 1_000)).ShouldBe(ValueRange.Any);
        Of([]).ShouldBe(ValueRange.Any);
    }

    [Fact]
    public void Of_few_values_and_of_the_same_ones_only_what_is_millions_of_times_as_large_is_out_of_range()
    {
        Of([4, 0, 5, 1e30]).ShouldBe(new(-5e6, 5e6));
        Of([4, 5, -1e30]).Holds(-1e30).ShouldBeFalse();
        Of(Enumerable.Repeat(5.0, 1_000).Append(1e30)).Holds(1e30).ShouldBeFalse();
        Of([4, 5, 4_000_000]).ShouldBe(ValueRange.Any);
        // Which of two is the slip, nobody can tell.
        Of([4, 1e30]).ShouldBe(ValueRange.Any);
        Of([1e-9, 1e-9, 5, 5]).ShouldBe(ValueRange.Any);
        Of([0, 0, 0, 5]).ShouldBe(ValueRange.Any);
    }

    private static ValueRange Of(IEnumerable<double> values)
    {
        var counts = new NumberCounts();
        foreach (var value in values)
        {
            counts.Add(value);
        }

        return ValueRange.Of(counts);
    }
}
