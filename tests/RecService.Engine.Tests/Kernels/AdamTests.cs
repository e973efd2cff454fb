using RecService.Engine.Kernels;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Kernels;

public sealed unsafe class AdamTests
{
    private const float Rate = 0.01f;

    [Fact]
    public void A_mean_that_meets_squares_of_long_ago_takes_no_step_without_bound()
    {
        // Another thread has put back the squares of the beginning; the mean is of gradients of 1.
        var kept = stackalloc float[] { 0.5f, 1, 0 };

        Adam.Step<float, Lanes1>(kept[0], 1e-6f, Rate, kept, 1);

        Math.Abs(kept[0] - 0.5f).ShouldBeInRange(Rate, 8.01f * Rate);
        for (var step = 0; step < 100; step++)
        {
            var before = kept[0];
            Adam.Step<float, Lanes1>(kept[0], 1e-6f, Rate, kept, 1);
            Math.Abs(kept[0] - before).ShouldBeLessThan(8.01f * Rate);
        }
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1.1)]
    // Gradients that grow as (β₂ / β₁)ᵗ give the largest mean for their squares.
    [InlineData((double)(Adam.Beta2 / Adam.Beta1))]
    [InlineData(2.0)]
    public void One_thread_steps_as_the_formula_says_to_the_bit(double growth)
    {
        var random = new RandomSource(4);
        var kept = stackalloc float[] { 0, 0, 0 };
        float value = 0,
            mean = 0,
            squares = 0;
        for (var step = 0; step < 60; step++)
        {
            var gradient = (float)(1e-6 * Math.Pow(growth, step) * (growth == 1 ? random.NextNormal() : 1));
            mean = (Adam.Beta1 * mean) + ((1 - Adam.Beta1) * gradient);
            squares = (Adam.Beta2 * squares) + ((1 - Adam.Beta2) * (gradient * gradient));
            value -= Rate * mean * Lanes1.ReciprocalSqrt(squares + 1e-16f);

            Adam.Step<float, Lanes1>(kept[0], gradient, Rate, kept, 1);

            kept[0].ShouldBe(value);
            kept[1].ShouldBe(mean);
            kept[2].ShouldBe(squares);
        }
    }
}
