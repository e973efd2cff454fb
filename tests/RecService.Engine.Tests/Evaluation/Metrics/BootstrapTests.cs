using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class BootstrapTests
{
    [Fact]
    public void The_interval_of_a_constant_is_the_constant()
    {
        var interval = Bootstrap.Interval([0.3, 0.3, 0.3, 0.3, 0.3]);

        interval.Low.ShouldBe(0.3, 1e-12);
        interval.High.ShouldBe(0.3, 1e-12);
        Bootstrap.Interval([7]).ShouldBe(new ConfidenceInterval(7, 7));
    }

    [Fact]
    public void The_interval_of_a_share_is_near_the_normal_approximation()
    {
        double[] hits = [.. Enumerable.Range(0, 1_000).Select(n => n % 10 < 3 ? 1.0 : 0)];

        var interval = Bootstrap.Interval(hits, resamples: 10_000);

        var deviation = Math.Sqrt(0.3 * 0.7 / 1_000);
        interval.Low.ShouldBe(0.3 - (1.96 * deviation), 0.1 * deviation);
        interval.High.ShouldBe(0.3 + (1.96 * deviation), 0.1 * deviation);
    }

    [Fact]
    public void The_interval_holds_the_true_mean_about_as_often_as_it_says()
    {
        var random = new RandomSource(11);
        const int Samples = 400;
        var held = 0;
        for (var sample = 0; sample < Samples; sample++)
        {
            // Exponential with mean 1: skewed, as ranks are.
            double[] values = [.. Enumerable.Range(0, 60).Select(_ => -Math.Log(1 - random.NextDouble()))];
            var interval = Bootstrap.Interval(values, resamples: 400, seed: (ulong)sample);
            if (interval.Low <= 1 && 1 <= interval.High)
            {
                held++;
            }
        }

        ((double)held / Samples).ShouldBeInRange(0.89, 0.98);
    }

    [Fact]
    public void The_same_seed_gives_the_same_interval_and_another_one_a_similar_one()
    {
        var random = new RandomSource(5);
        double[] values = [.. Enumerable.Range(0, 100).Select(_ => random.NextDouble())];

        var interval = Bootstrap.Interval(values, seed: 3);

        Bootstrap.Interval(values, seed: 3).ShouldBe(interval);
        var other = Bootstrap.Interval(values, seed: 4);
        other.ShouldNotBe(interval);
        other.Low.ShouldBe(interval.Low, 0.02);
        other.High.ShouldBe(interval.High, 0.02);
    }

    [Fact]
    public void Users_are_drawn_with_their_weights()
    {
        double[] values = [0, 0.5, 1, 0.25];

        Bootstrap.Interval(values, [2, 2, 2, 2]).ShouldBe(Bootstrap.Interval(values));
        // The mean is near 1 wherever the heavy user is drawn at least once, and the user is missing from one resample in three.
        var heavy = Bootstrap.Interval(values, [1, 1, 1e9, 1]);
        heavy.High.ShouldBe(1, 1e-6);
        heavy.Low.ShouldBeLessThan(0.5);
    }

    [Fact]
    public void Numbers_out_of_range_are_refused_with_their_place()
    {
        Should.Throw<ArgumentException>(() => Bootstrap.Interval([]));
        Should.Throw<ArgumentException>(() => Bootstrap.Interval([1, 2], [1]));
        Should.Throw<ArgumentException>(() => Bootstrap.Interval([1, double.NaN])).Message.ShouldContain("User 1");
        Should.Throw<ArgumentException>(() => Bootstrap.Interval([1, 2], [1, 0])).Message.ShouldContain("User 1");
        Should.Throw<ArgumentOutOfRangeException>(() => Bootstrap.Interval([1, 2], resamples: 39));
    }
}
