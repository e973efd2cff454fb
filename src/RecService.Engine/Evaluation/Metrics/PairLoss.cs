using RecService.Engine.Losses;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Mean of −ln σ(y⁺ − y⁻) over the pairs of each positive and the negatives that follow it; weights are not read.</summary>
public sealed class PairLoss : ExampleMetric
{
    /// <inheritdoc/>
    public override string Name => "pairLoss";

    /// <inheritdoc/>
    public override PredictionKind Measures => PredictionKind.Order;

    /// <inheritdoc/>
    public override ExampleNeeds Needs => ExampleNeeds.Pairs;

    /// <inheritdoc/>
    public override double? Of(in ScoredExamples examples)
    {
        var (loss, pairs, positive) = (0.0, 0, 0f);
        for (var example = 0; example < examples.Count; example++)
        {
            if (examples.Targets[example] > 0)
            {
                positive = examples.Predictions[example];
            }
            else
            {
                loss += Sigmoid.NegativeLog((double)positive - examples.Predictions[example]);
                pairs++;
            }
        }

        return pairs > 0 ? loss / pairs : null;
    }
}
