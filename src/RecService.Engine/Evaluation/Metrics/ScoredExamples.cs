namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Examples and what was predicted for them: what metrics measure by.</summary>
public readonly ref struct ScoredExamples
{
    /// <param name="predictions">A prediction for each example, finite.</param>
    /// <param name="targets">Its target; of choices, positive when above 0.</param>
    /// <param name="weights">Its weight, not negative; empty when all count 1.</param>
    /// <param name="users">Its user; empty when nobody knows.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a number is not finite; the message names the example.</exception>
    public ScoredExamples(
        ReadOnlySpan<float> predictions,
        ReadOnlySpan<float> targets,
        ReadOnlySpan<float> weights = default,
        ReadOnlySpan<int> users = default
    )
    {
        if (
            targets.Length != predictions.Length
            || (!weights.IsEmpty && weights.Length != predictions.Length)
            || (!users.IsEmpty && users.Length != predictions.Length)
        )
        {
            throw new ArgumentException(
                $"There are {predictions.Length} predictions, {targets.Length} targets, {weights.Length} weights and {users.Length} users; each example needs one of each, or there are no weights or users."
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

        Predictions = predictions;
        Targets = targets;
        Weights = weights;
        Users = users;
    }

    /// <summary>Number of examples.</summary>
    public int Count => Predictions.Length;

    /// <summary>A prediction for each example.</summary>
    public ReadOnlySpan<float> Predictions { get; }

    /// <summary>The target of each.</summary>
    public ReadOnlySpan<float> Targets { get; }

    /// <summary>The weight of each; empty when all count 1.</summary>
    public ReadOnlySpan<float> Weights { get; }

    /// <summary>The user of each; empty when nobody knows.</summary>
    public ReadOnlySpan<int> Users { get; }

    /// <summary>The weight of an example.</summary>
    public double WeightOf(int example) => Weights.IsEmpty ? 1 : Weights[example];
}
