namespace RecService.Engine.Losses;

/// <summary>What training minimises, and with it what a score means. Settings, model files and commands have these names.</summary>
public enum Loss
{
    /// <summary>(y − target)²; the prediction is the score, clipped to the range of the training targets.</summary>
    Squared,

    /// <summary>Log loss of σ(y) for targets that are positive or not; the prediction is the probability σ(y).</summary>
    Logistic,

    /// <summary>
    /// −ln σ(y⁺ − y⁻) for pairs of what was chosen and what was not (Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI
    /// 2009). Scores only order; the prediction is the score.
    /// </summary>
    Bpr,

    /// <summary>
    /// −ln of the share e^y of what was chosen in the sum of those of all items, or of a sample of them: which item next, learned along sequences. Scores only
    /// order; the prediction is the score.
    /// </summary>
    Softmax,
}

/// <summary>The losses by their names. Each is a type in a file of its own; a name without one does not compile.</summary>
public static class LossNames
{
    /// <summary>Every loss.</summary>
    public static IReadOnlyList<Loss> All { get; } = Enum.GetValues<Loss>();

    /// <summary>What is known of a loss.</summary>
    public static LossFunction Function(this Loss loss) =>
        loss switch
        {
            Loss.Squared => RowLossFunction<SquaredLoss>.Instance,
            Loss.Logistic => RowLossFunction<LogisticLoss>.Instance,
            Loss.Bpr => PairLossFunction<BprLoss>.Instance,
            Loss.Softmax => BlockLossFunction<SoftmaxLoss>.Instance,
        };
}
