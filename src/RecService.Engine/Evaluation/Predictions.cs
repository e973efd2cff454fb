using RecService.Engine.Data;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>What the metrics of single examples have in common.</summary>
internal static class Predictions
{
    /// <summary>The prediction for each example, after the link function or clipped to the range of the training targets.</summary>
    public static float[] Of(Scorer scorer, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentNullException.ThrowIfNull(examples);
        var predictions = new float[examples.Count];
        scorer.Score(examples, predictions);
        foreach (ref var prediction in predictions.AsSpan())
        {
            prediction = scorer.Model.Predict(prediction);
        }

        return predictions;
    }

    /// <exception cref="ArgumentException">Lengths differ, or a number is not finite; the message names the example.</exception>
    public static void Check(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights)
    {
        if (targets.Length != predictions.Length || (!weights.IsEmpty && weights.Length != predictions.Length))
        {
            throw new ArgumentException(
                $"There are {predictions.Length} predictions, {targets.Length} targets and {weights.Length} weights; each example needs one of each, or there are no weights."
            );
        }

        for (var example = 0; example < predictions.Length; example++)
        {
            var weight = weights.IsEmpty ? 1f : weights[example];
            if (!float.IsFinite(predictions[example]) || !float.IsFinite(targets[example]) || !float.IsFinite(weight) || weight < 0)
            {
                throw new ArgumentException(
                    FormattableString.Invariant(
                        $"Example {example} has the prediction {predictions[example]}, the target {targets[example]} and the weight {weight}; all must be finite, weights not negative."
                    )
                );
            }
        }
    }

    public static double WeightAt(ReadOnlySpan<float> weights, int example) => weights.IsEmpty ? 1 : weights[example];
}
