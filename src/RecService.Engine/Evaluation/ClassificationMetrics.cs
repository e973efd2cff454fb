using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>How well probabilities tell positives from negatives.</summary>
/// <param name="LogLoss">Weighted mean of −ln of the probability given to what was the case; probabilities are taken to lie within [1e-7, 1 −
/// 1e-7].</param>
/// <param name="Auc">
/// Probability that a positive is predicted higher than a negative, both drawn by weight, ties counting one half (Fawcett, "An introduction to ROC
/// analysis",
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
    /// <exception cref="ArgumentException">Lengths differ, a number is not finite, or a prediction is no probability; the message names the
    /// example.</exception>
    public static ClassificationMetrics? Measure(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights = default)
    {
        Predictions.Check(predictions, targets, weights);
        double loss = 0,
            total = 0;
        for (var example = 0; example < predictions.Length; example++)
        {
            if (predictions[example] is < 0 or > 1)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"Example {example} has the prediction {predictions[example]}, which is no probability.")
                );
            }

            var probability = Math.Clamp(predictions[example], Least, 1 - Least);
            var weight = Predictions.WeightAt(weights, example);
            loss -= weight * (targets[example] > 0 ? Math.Log(probability) : Math.Log(1 - probability));
            total += weight;
        }

        return total > 0 ? new(loss / total, AreaUnderCurve.OfAll(predictions, targets, weights)) : null;
    }

    /// <summary>
    /// The mean over users of the AUC within each user's own examples: how well a user's positives are told from the same user's negatives, whatever
    /// the level of
    /// the user's predictions. Users without both, by weight, have no AUC and are left out; null when all are.
    /// </summary>
    /// <param name="predictions">A prediction for each example, finite: a probability or a score.</param>
    /// <param name="targets">Its target, positive when above 0.</param>
    /// <param name="users">Its user.</param>
    /// <param name="weights">Its weight, not negative; empty when all count 1.</param>
    /// <param name="weightByExamples">
    /// Whether a user counts as much as the user's examples weigh together, which is known as GAUC (Zhu et al., "Optimized cost per click in Taobao
    /// display
    /// advertising", KDD 2017); else each user counts 1, as in the metrics of rankings.
    /// </param>
    /// <exception cref="ArgumentException">Lengths differ, or a number is not finite; the message names the example.</exception>
    public static UserMean? AucByUser(
        ReadOnlySpan<float> predictions,
        ReadOnlySpan<float> targets,
        ReadOnlySpan<int> users,
        ReadOnlySpan<float> weights = default,
        bool weightByExamples = false
    )
    {
        Predictions.Check(predictions, targets, weights);
        if (users.Length != predictions.Length)
        {
            throw new ArgumentException(
                $"There are {predictions.Length} predictions and {users.Length} users; each example needs one.",
                nameof(users)
            );
        }

        return AreaUnderCurve.ByUser(predictions, targets, users, weights, weightByExamples);
    }
}
