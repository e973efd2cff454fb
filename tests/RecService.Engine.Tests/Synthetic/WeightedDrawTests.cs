using RecService.Engine.Numerics;
using RecService.Engine.Synthetic;

namespace RecService.Engine.Tests.Synthetic;

public sealed class WeightedDrawTests
{
    [Theory]
    [InlineData(0.0, new[] { 6.0 / 11, 3.0 / 11, 2.0 / 11 })]
    [InlineData(1.0, new[] { 6.0 / 13, 4.0 / 13, 3.0 / 13 })]
    public void The_first_of_n_is_drawn_by_the_inverse_of_its_rank(double shift, double[] expected)
    {
        const int Draws = 100_000;
        var draw = WeightedDraw.Zipf(3, shift, ranks: null);
        var random = new RandomSource(1);
        var counts = new double[3];
        for (var i = 0; i < Draws; i++)
        {
            counts[draw.Next(random)]++;
        }

        // Four standard deviations of a share, at least.
        counts.Select(count => count / Draws).ToArray().ShouldBe(expected, 0.0065);
    }
}
