namespace RecService.Engine.Kernels;

/// <summary>How parameters step down the gradient of an example. All of them step only the parameters that an example touches.</summary>
public enum Solver
{
    /// <summary>θ −= η g.</summary>
    Sgd,

    /// <summary>h += g², θ −= η g / √h: frequent features step ever more carefully (Duchi, Hazan, Singer, JMLR 2011).</summary>
    AdaGrad,

    /// <summary>
    /// Running means of g and g², with factors β₁ = 0.9 and β₂ = 0.999 (Kingma, Ba, ICLR 2015), lazily: a feature's means change only when it occurs,
    /// and the correction
    /// of their start counts its own occurrences.
    /// </summary>
    Adam,
}

/// <summary>How the learning rate changes from epoch to epoch.</summary>
public enum RateSchedule
{
    /// <summary>η.</summary>
    Constant,

    /// <summary>η / √t in epoch t = 1, 2, …</summary>
    InverseSquareRoot,

    /// <summary>η · ½ (1 + cos(π (t − 1) / T)) in epoch t of T at most: from η to nearly 0.</summary>
    Cosine,
}
