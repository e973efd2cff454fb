using RecService.Engine.Losses;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>RMSE: the root of the weighted mean squared error, in units of the target.</summary>
public sealed class RootMeanSquaredError : ExampleMetric
{
    /// <inheritdoc/>
    public override string Name => "rmse";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Value;

    /// <inheritdoc/>
    public override double? Of(in ScoredExamples examples)
    {
        var (squares, total) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var weight = examples.WeightOf(example);
            var error = (double)examples.Predictions[example] - examples.Targets[example];
            squares += weight * error * error;
            total += weight;
        }

        return total > 0 ? Math.Sqrt(squares / total) : null;
    }
}
