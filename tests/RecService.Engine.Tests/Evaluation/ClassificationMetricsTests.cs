using RecService.Engine.Evaluation;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation;

public sealed class ClassificationMetricsTests
{
    [Fact]
    public void Log_loss_is_the_mean_surprise()
    {
        var metrics = ClassificationMetrics.Measure([0.9f, 0.2f, 0.5f], [1, 0, 1]).ShouldNotBeNull();

        metrics.LogLoss.ShouldBe(-(Math.Log(0.9) + Math.Log(0.8) + Math.Log(0.5)) / 3, 1e-7);
    }

    [Fact]
    public void A_certain_error_costs_much_but_not_everything()
    {
        ClassificationMetrics.Measure([0, 1], [1, 0]).ShouldNotBeNull().LogLoss.ShouldBe(-Math.Log(1e-7), 1e-6);
        ClassificationMetrics.Measure([0, 1], [0, 1]).ShouldNotBeNull().LogLoss.ShouldBe(1e-7, 1e-9);
    }

    [Fact]
    public void Area_is_one_for_perfect_order_zero_for_reversed_and_a_half_for_ties()
    {
        ClassificationMetrics.Measure([0.1f, 0.2f, 0.8f, 0.9f], [0, 0, 1, 1])!.Value.Auc.ShouldBe(1);
        ClassificationMetrics.Measure([0.1f, 0.2f, 0.8f, 0.9f], [1, 1, 0, 0])!.Value.Auc.ShouldBe(0);
        ClassificationMetrics.Measure([0.3f, 0.3f, 0.3f, 0.3f], [1, 0, 0, 1])!.Value.Auc.ShouldBe(0.5);
    }

    [Fact]
    public void Area_equals_the_weighted_count_of_pairs_in_order()
    {
        var random = new RandomSource(5);
        var predictions = new float[200];
        var targets = new float[200];
        var weights = new float[200];
        for (var i = 0; i < 200; i++)
        {
            // Few distinct predictions make many ties.
            predictions[i] = random.Below(12) / 12f;
            targets[i] = random.NextDouble() < predictions[i] ? 3 : i % 2 == 0 ? 0 : -1;
            weights[i] = random.Below(4);
        }

        double won = 0, all = 0;
        for (var p = 0; p < 200; p++)
        {
            for (var n = 0; n < 200; n++)
            {
                if (targets[p] <= 0 || targets[n] > 0)
                    continue;
                var weight = (double)weights[p] * weights[n];
                all += weight;
                won += weight * (predictions[p] > predictions[n] ? 1 : predictions[p] == predictions[n] ? 0.5 : 0);
            }
        }

        ClassificationMetrics.Measure(predictions, targets, weights)!.Value.Auc!.Value.ShouldBe(won / all, 1e-12);
    }

    [Fact]
    public void Without_both_classes_there_is_no_area()
    {
        ClassificationMetrics.Measure([0.5f, 0.6f], [1, 1])!.Value.Auc.ShouldBeNull();
        ClassificationMetrics.Measure([0.5f, 0.6f], [0, 0])!.Value.Auc.ShouldBeNull();
        ClassificationMetrics.Measure([0.5f, 0.6f], [0, 1], [0, 1])!.Value.Auc.ShouldBeNull();
    }

    [Fact]
    public void Nothing_to_measure_by_gives_no_metrics_and_numbers_that_are_no_probabilities_are_refused()
    {
        ClassificationMetrics.Measure([], []).ShouldBeNull();
        ClassificationMetrics.Measure([1], [1], [0]).ShouldBeNull();
        Should.Throw<ArgumentException>(() => ClassificationMetrics.Measure([0.5f, 1.5f], [1, 0])).Message.ShouldContain("Example 1");
        Should.Throw<ArgumentException>(() => ClassificationMetrics.Measure([0.5f, float.NaN], [1, 0])).Message.ShouldContain("Example 1");
    }
}
