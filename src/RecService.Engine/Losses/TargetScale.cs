namespace RecService.Engine.Losses;

/// <summary>
/// The scale on which targets are learned. Values are learned in units of their deviation from their mean, so that the same settings suit stars,
/// percent and prices.
/// </summary>
/// <param name="Mean">Weighted mean of the training targets, or 0.</param>
/// <param name="Deviation">Their weighted standard deviation, or 1.</param>
/// <param name="Minimum">Smallest training target.</param>
/// <param name="Maximum">Largest training target.</param>
/// <param name="Clips">Whether predictions stay within the range of the targets.</param>
internal sealed record TargetScale(float Mean, float Deviation, float Minimum, float Maximum, bool Clips)
{
    /// <summary>Whether targets are 1 when above 0, and 0 else.</summary>
    public bool IsBinary { get; init; }

    /// <summary>Targets as they are, of which predictions know no range.</summary>
    public static TargetScale AsTheyAre { get; } = new(0, 1, float.NegativeInfinity, float.PositiveInfinity, Clips: false);

    /// <summary>1 for what is above 0, and 0 else.</summary>
    public static TargetScale Binary { get; } = new(0, 1, 0, 1, Clips: false) { IsBinary = true };

    /// <summary>Units of the deviation from the mean, predictions within the range of the targets.</summary>
    public static TargetScale InDeviations(ReadOnlySpan<float> targets, ReadOnlySpan<float> rowWeights)
    {
        var (weights, mean, squares) = (0.0, 0.0, 0.0);
        var (minimum, maximum) = (float.PositiveInfinity, float.NegativeInfinity);
        for (var row = 0; row < targets.Length; row++)
        {
            var weight = rowWeights.IsEmpty ? 1 : rowWeights[row];
            if (weight > 0)
            {
                // Weighted form of Welford's recurrence (West, 1979).
                weights += weight;
                var difference = targets[row] - mean;
                mean += difference * weight / weights;
                squares += weight * difference * (targets[row] - mean);
                (minimum, maximum) = (Math.Min(minimum, targets[row]), Math.Max(maximum, targets[row]));
            }
        }

        var deviation = (float)Math.Sqrt(squares / weights);
        return new((float)mean, deviation > 0 ? deviation : 1, minimum, maximum, Clips: true);
    }

    /// <summary>What latent vectors scale with: ⟨v_i, v_j⟩ scales with the square of the vectors.</summary>
    public float RootDeviation => MathF.Sqrt(Deviation);

    /// <summary>The least score that counts, on this scale.</summary>
    public float LeastScore => Clips ? Scaled(Minimum) : float.NegativeInfinity;

    /// <summary>The greatest score that counts, on this scale.</summary>
    public float GreatestScore => Clips ? Scaled(Maximum) : float.PositiveInfinity;

    /// <summary>What the kernels take for a target.</summary>
    public float Scaled(float target) =>
        IsBinary
            ? target > 0
                ? 1
                : 0
            : (float)(((double)target - Mean) / Deviation);

    /// <summary>
    /// Whether a mean loss can be one of training that goes well. AdaGrad's steps shrink as gradients explode, so that a loss may stay finite and be
    /// of no use.
    /// </summary>
    public bool IsPlausible(double loss) => loss <= LossOf(1e12);

    /// <summary>
    /// The same of a holdout, whose targets may be far from those of training: where predictions are clipped, its loss says nothing of how large they
    /// are.
    /// </summary>
    public bool IsPlausibleOfHoldout(double loss) => Clips ? double.IsFinite(loss) : IsPlausible(loss);

    /// <summary>A mean loss in units of the targets.</summary>
    public double LossOf(double scaled) => scaled * Deviation * Deviation;

    /// <summary>
    /// Mean squared slope of a loss by its second derivative, on this scale, at a mean loss in units of the targets: the mean of squared errors; of log loss and of pairs, 1.
    /// </summary>
    public double NoiseOf(double loss) => Clips ? Math.Max(1e-6, loss / ((double)Deviation * Deviation)) : 1;
}
