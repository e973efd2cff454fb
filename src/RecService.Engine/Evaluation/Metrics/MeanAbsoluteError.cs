using RecService.Engine.Losses;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>MAE: the weighted mean absolute error, in units of the target.</summary>
public sealed class MeanAbsoluteError : ExampleMetric
{
    /// <inheritdoc/>
    public override string Name => "mae";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Value;

    /// <inheritdoc/>
    public override double? Of(in ScoredExamples examples)
    {
        var (absolutes, total) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var weight = examples.WeightOf(example);
            absolutes += weight * Math.Abs((double)examples.Predictions[example] - examples.Targets[example]);
            total += weight;
        }

        return total > 0 ? absolutes / total : null;
    }
}
