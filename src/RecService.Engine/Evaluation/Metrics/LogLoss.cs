using RecService.Engine.Losses;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Weighted mean of −ln of the probability given to what was the case; probabilities are taken to lie within [1e-7, 1 − 1e-7].</summary>
public sealed class LogLoss : ExampleMetric
{
    private const double Least = 1e-7;

    /// <inheritdoc/>
    public override string Name => "logLoss";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Probability;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A prediction is no probability; the message names the example.</exception>
    public override double? Of(in ScoredExamples examples)
    {
        var (loss, total) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var prediction = examples.Predictions[example];
            if (prediction is < 0 or > 1)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"Example {example} has the prediction {prediction}, which is no probability."),
                    nameof(examples)
                );
            }

            var probability = Math.Clamp(prediction, Least, 1 - Least);
            var weight = examples.WeightOf(example);
            loss -= weight * (examples.Targets[example] > 0 ? Math.Log(probability) : Math.Log(1 - probability));
            total += weight;
        }

        return total > 0 ? loss / total : null;
    }
}
