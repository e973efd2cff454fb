using RecService.Engine.Data;
using RecService.Engine.Evaluation;

namespace RecService.Engine.Tests.Evaluation;

public sealed class RegressionMetricsTests
{
    [Fact]
    public void Errors_are_means_over_the_examples()
    {
        var metrics = RegressionMetrics.Measure([1, 2, 3, 4], [1, 4, 2, 8]).ShouldNotBeNull();

        metrics.Rmse.ShouldBe(Math.Sqrt((0 + 4 + 1 + 16) / 4.0), 1e-12);
        metrics.Mae.ShouldBe((0 + 2 + 1 + 4) / 4.0, 1e-12);
    }

    [Fact]
    public void A_weight_counts_as_so_many_examples()
    {
        RegressionMetrics.Measure([1, 2, 3], [4, 2, 1], [2, 0, 1]).ShouldBe(RegressionMetrics.Measure([1, 1, 3], [4, 4, 1]));
    }

    [Fact]
    public void Nothing_to_measure_by_gives_no_metrics()
    {
        RegressionMetrics.Measure([], []).ShouldBeNull();
        RegressionMetrics.Measure([1], [2], [0]).ShouldBeNull();
    }

    [Fact]
    public void Wrong_lengths_and_numbers_are_refused()
    {
        Should.Throw<ArgumentException>(() => RegressionMetrics.Measure([1, 2], [1]));
        Should.Throw<ArgumentException>(() => RegressionMetrics.Measure([1, 2], [1, 2], [1]));
        Should.Throw<ArgumentException>(() => RegressionMetrics.Measure([1, float.NaN], [1, 2])).Message.ShouldContain("Example 1");
        Should.Throw<ArgumentException>(() => RegressionMetrics.Measure([1, 2], [1, 2], [1, -1])).Message.ShouldContain("Example 1");
    }

    [Fact]
    public void A_constant_prediction_is_measured_by_the_spread_of_the_targets()
    {
        var rows = SparseRows.FromDense(new float[4, 1], keepZeros: true);
        var examples = new ExampleSet(rows, [1, 3, 3, 5], [1, 1, 1, 0]);

        RegressionMetrics.MeasureConstant(2, examples).ShouldBe(new RegressionMetrics(1, 1));
    }
}
