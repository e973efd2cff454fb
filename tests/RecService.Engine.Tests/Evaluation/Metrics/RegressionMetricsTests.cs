using RecService.Engine.Data;
using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class RegressionMetricsTests
{
    [Fact]
    public void Errors_are_means_over_the_examples()
    {
        var examples = new ScoredExamples([1, 2, 3, 4], [1, 4, 2, 8]);

        ExampleMetrics.Rmse.Of(examples)!.Value.ShouldBe(Math.Sqrt((0 + 4 + 1 + 16) / 4.0), 1e-12);
        ExampleMetrics.Mae.Of(examples)!.Value.ShouldBe((0 + 2 + 1 + 4) / 4.0, 1e-12);
    }

    [Fact]
    public void A_weight_counts_as_so_many_examples()
    {
        foreach (var metric in new[] { ExampleMetrics.Rmse, ExampleMetrics.Mae })
        {
            metric.Of(new([1, 2, 3], [4, 2, 1], [2, 0, 1])).ShouldBe(metric.Of(new([1, 1, 3], [4, 4, 1])));
        }
    }

    [Fact]
    public void Nothing_to_measure_by_gives_no_metrics()
    {
        foreach (var metric in new[] { ExampleMetrics.Rmse, ExampleMetrics.Mae })
        {
            metric.Of(new([], [])).ShouldBeNull();
            metric.Of(new([1], [2], [0])).ShouldBeNull();
        }
    }

    [Fact]
    public void Wrong_lengths_and_numbers_are_refused()
    {
        Should.Throw<ArgumentException>(() => Check([1, 2], [1]));
        Should.Throw<ArgumentException>(() => Check([1, 2], [1, 2], [1]));
        Should.Throw<ArgumentException>(() => Check([1, float.NaN], [1, 2])).Message.ShouldContain("Example 1");
        Should.Throw<ArgumentException>(() => Check([1, 2], [1, 2], [1, -1])).Message.ShouldContain("Example 1");
    }

    [Fact]
    public void A_constant_prediction_is_measured_by_the_spread_of_the_targets()
    {
        var rows = SparseRows.FromDense(new float[4, 1], keepZeros: true);
        var examples = new ExampleSet(rows, [1, 3, 3, 5], [1, 1, 1, 0]);

        ExampleMetrics.Rmse.OfConstant(2, examples).ShouldBe(1);
        ExampleMetrics.Mae.OfConstant(2, examples).ShouldBe(1);
    }

    private static void Check(float[] predictions, float[] targets, float[]? weights = null) => _ = new ScoredExamples(predictions, targets, weights);
}
