using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>The losses of one example and their derivatives by the score.</summary>
internal static class LossFunctions
{
    /// <summary>(y − t)², or ln(1 + e^−y) for a positive and ln(1 + e^y) for a negative.</summary>
    public static double Value(Loss loss, float score, float target)
    {
        if (loss == Loss.Squared)
        {
            var error = (double)score - target;
            return error * error;
        }

        var margin = target > 0 ? (double)score : -score;
        // Without overflow on either side.
        return margin > 0 ? Math.Log(1 + Math.Exp(-margin)) : Math.Log(1 + Math.Exp(margin)) - margin;
    }

    /// <summary>The direction of descent: y − t for both losses, half the derivative of the squared one; σ(y) − t for the logistic one.</summary>
    public static float Gradient(Loss loss, float score, float target) =>
        loss == Loss.Squared ? score - target : (1 / (1 + MathF.Exp(-score))) - (target > 0 ? 1 : 0);

    /// <summary>The bias that is best without any feature: the logit of the weighted share of positives, negatives still to be drawn included.</summary>
    public static float InitialLogit(ExampleSet examples, NegativeSampling? negatives)
    {
        var (positives, weights) = (0.0, 0.0);
        for (var example = 0; example < examples.Count; example++)
        {
            var weight = examples.WeightOf(example);
            positives += examples.Targets[example] > 0 ? weight : 0;
            weights += weight;
        }

        var share = Math.Clamp(positives / (weights * (1 + (negatives?.PerPositive ?? 0))), 1e-4, 1 - 1e-4);
        return (float)Math.Log(share / (1 - share));
    }
}
