using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class CatalogueCoverageTests
{
    [Fact]
    public void The_interval_follows_from_the_items_that_each_user_covers_alone()
    {
        var tally = new CoverageTally(10);
        tally.Add(1, [0, 1]);
        tally.Add(1, [1, 2]);
        tally.Add(4, [2, 3]);
        tally.Add(6, [2]);

        // User 1 alone covers items 0 and 1, user 4 item 3, user 6 nothing.
        var coverage = tally.Summarise([1, 4, 6], rankable: 8);

        coverage.Share.ShouldBe(4 / 8.0);
        coverage.Interval.Low.ShouldBe((4 - (1.959964 * Math.Sqrt(2))) / 8, 1e-12);
        coverage.Interval.High.ShouldBe((4 + (1.959964 * Math.Sqrt(2))) / 8, 1e-12);
    }

    [Fact]
    public void Tallies_add_up_in_any_order()
    {
        CoverageTally Tally(int user, params int[] items)
        {
            var tally = new CoverageTally(5);
            tally.Add(user, items);
            return tally;
        }

        CoverageTally[] parts = [Tally(0, 0, 1), Tally(1, 1, 2), Tally(0, 0), Tally(2, 1)];
        var forward = new CoverageTally(5);
        var backward = new CoverageTally(5);
        foreach (var part in parts)
        {
            forward.Add(part);
        }

        foreach (var part in parts.Reverse())
        {
            backward.Add(part);
        }

        forward.Summarise([0, 1, 2], 5).ShouldBe(backward.Summarise([0, 1, 2], 5));
        forward.Summarise([0, 1, 2], 5).Share.ShouldBe(3 / 5.0);
    }

    [Fact]
    public void The_interval_holds_what_other_users_of_the_same_kind_cover_on_average()
    {
        const int Items = 300,
            Samples = 400;
        var random = new RandomSource(8);
        CatalogueCoverage Measure()
        {
            // Squaring makes some items far more likely than others.
            var tally = new CoverageTally(Items);
            for (var user = 0; user < 40; user++)
            {
                tally.Add(user, [.. Enumerable.Range(0, 5).Select(_ => (int)(Items * Math.Pow(random.NextDouble(), 2)))]);
            }

            return tally.Summarise([.. Enumerable.Range(0, 40)], Items);
        }

        CatalogueCoverage[] samples = [.. Enumerable.Range(0, Samples).Select(_ => Measure())];

        var expected = samples.Average(sample => sample.Share);
        samples.Count(sample => sample.Interval.Low <= expected && expected <= sample.Interval.High).ShouldBeGreaterThan((int)(0.95 * Samples));
        samples.Average(sample => sample.Interval.High - sample.Interval.Low).ShouldBeLessThan(0.2);
    }
}
