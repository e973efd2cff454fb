using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Losses;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class ExampleMetricsTests
{
    [Theory]
    [InlineData(PredictionKind.Value, ExampleNeeds.None, "rmse", "mae")]
    [InlineData(PredictionKind.Value, ExampleNeeds.Users | ExampleNeeds.Pairs, "rmse", "mae")]
    [InlineData(PredictionKind.Probability, ExampleNeeds.None, "logLoss", "auc")]
    [InlineData(PredictionKind.Order, ExampleNeeds.None)]
    [InlineData(PredictionKind.Order, ExampleNeeds.Users, "auc")]
    [InlineData(PredictionKind.Order, ExampleNeeds.Users | ExampleNeeds.Pairs, "pairLoss", "auc")]
    public void There_are_the_metrics_whose_needs_are_met(PredictionKind kind, ExampleNeeds given, params string[] names)
    {
        var examples = new ScoredExamples([0.9f, 0.2f], [1, 0], users: [1, 1]);

        ExampleMetrics.Measure(examples, kind, given).Keys.ShouldBe(names);
    }

    [Fact]
    public void Every_two_metrics_of_one_kind_have_names_of_their_own() =>
        ExampleMetrics.All.Select(metric => (metric.Measures, metric.Name)).ShouldBeUnique();

    [Fact]
    public void Pairs_are_each_positive_and_the_negatives_behind_it()
    {
        var metric = ExampleMetrics.All.OfType<PairLoss>().Single();

        metric
            .Of(new([2, 1, 5, 1, 3], [1, 0, 0, 1, -1]))!
            .Value.ShouldBe((Math.Log(1 + Math.Exp(-1)) + Math.Log(1 + Math.Exp(3)) + Math.Log(1 + Math.Exp(2))) / 3, 1e-12);
        metric.Of(new([2], [1])).ShouldBeNull();
    }
}
