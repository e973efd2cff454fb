using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>How well probabilities tell positives from negatives.</summary>
/// <param name="LogLoss">Weighted mean of −ln of the probability given to what was the case; probabilities are taken to lie within [1e-7, 1 − 1e-7].</param>
/// <param name="Auc">
/// Probability that a positive is predicted higher than a negative, both drawn by weight, ties counting one half (Fawcett, "An introduction to ROC analysis",
/// 2006); null when there are no positives or no negatives.
/// </param>
public readonly record struct ClassificationMetrics(double LogLoss, double? Auc)
{
    private const double Least = 1e-7;

    /// <summary>Measures the predictions of a model on examples it was not trained on; null when the examples weigh nothing together.</summary>
    public static ClassificationMetrics? Measure(FactorizationModel model, ExampleSet examples) => Measure(new Scorer(model), examples);

    /// <inheritdoc cref="Measure(FactorizationModel, ExampleSet)"/>
    public static ClassificationMetrics? Measure(Scorer scorer, ExampleSet examples) =>
        Measure(Predictions.Of(scorer, examples), examples.Targets, examples.Weights);

    /// <summary>Measures predictions; null when the examples weigh nothing together, so that there is nothing to measure by.</summary>
    /// <param name="predictions">A probability for each example.</param>
    /// <param name="targets">Its target, positive when above 0.</param>
    /// <param name="weights">Its weight, not negative; empty when all count 1.</param>
    /// <exception cref="ArgumentException">Lengths differ, a number is not finite, or a prediction is no probability; the message names the example.</exception>
    public static ClassificationMetrics? Measure(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights = default)
    {
        Predictions.Check(predictions, targets, weights);
        double loss = 0, total = 0;
        for (var example = 0; example < predictions.Length; example++)
        {
            if (predictions[example] is < 0 or > 1)
                throw new ArgumentException(FormattableString.Invariant($"Example {example} has the prediction {predictions[example]}, which is no probability."));
            var probability = Math.Clamp(predictions[example], Least, 1 - Least);
            var weight = Predictions.WeightAt(weights, example);
            loss -= weight * (targets[example] > 0 ? Math.Log(probability) : Math.Log(1 - probability));
            total += weight;
        }

        return total > 0 ? new(loss / total, AreaUnderCurve(predictions, targets, weights)) : null;
    }

    private static double? AreaUnderCurve(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights)
    {
        var keys = predictions.ToArray();
        var order = new int[keys.Length];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(keys, order);

        double positives = 0, negatives = 0, won = 0;
        for (var start = 0; start < order.Length;)
        {
            double tiedPositives = 0, tiedNegatives = 0;
            var end = start;
            for (; end < order.Length && keys[end] == keys[start]; end++)
            {
                var weight = Predictions.WeightAt(weights, order[end]);
                if (targets[order[end]] > 0)
                    tiedPositives += weight;
                else
                    tiedNegatives += weight;
            }

            won += tiedPositives * (negatives + (tiedNegatives / 2));
            positives += tiedPositives;
            negatives += tiedNegatives;
            start = end;
        }

        return positives > 0 && negatives > 0 ? won / positives / negatives : null;
    }
}
