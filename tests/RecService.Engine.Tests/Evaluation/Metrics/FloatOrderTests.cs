using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class FloatOrderTests
{
    [Fact]
    public void Keys_are_in_the_order_of_the_floats()
    {
        float[] ascending =
        [
            float.NegativeInfinity,
            float.MinValue,
            -1.5f,
            -1,
            -float.Epsilon,
            0,
            float.Epsilon,
            1,
            1.5f,
            float.MaxValue,
            float.PositiveInfinity,
        ];

        var keys = ascending.Select(FloatOrder.KeyOf).ToArray();

        keys.ShouldBe(keys.Order());
        keys.ShouldBeUnique();
        FloatOrder.KeyOf(-0f).ShouldBe(FloatOrder.KeyOf(0f));
    }
}
