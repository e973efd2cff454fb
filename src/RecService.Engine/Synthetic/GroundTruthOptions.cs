namespace RecService.Engine.Synthetic;

/// <summary>Sizes, seed and strengths of a <see cref="GroundTruth"/>.</summary>
public sealed record GroundTruthOptions
{
    /// <summary>Number of users, 2 to 1,000,000.</summary>
    public int Users { get; init; } = 1_000;

    /// <summary>Number of items, 2 to 1,000,000.</summary>
    public int Items { get; init; } = 800;

    /// <summary>Number of ratings, each of another pair of user and item: at most half of all pairs.</summary>
    public int Interactions { get; init; } = 60_000;

    /// <summary>k, the length of the true latent vectors, 1 to 64.</summary>
    public int Factors { get; init; } = 2;

    /// <summary>The seed; the same options give the same data on every machine.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>σ of the noise on ratings, not negative: no model's RMSE on new pairs can be expected below it.</summary>
    public double NoiseDeviation { get; init; } = 0.4;

    /// <summary>Mean of the true scores over the rated pairs.</summary>
    public double Mean { get; init; } = 3.5;

    /// <summary>Standard deviation of what users and items add on their own, over the rated pairs; not negative.</summary>
    public double LinearDeviation { get; init; } = 0.4;

    /// <summary>
    /// Standard deviation of what users and items add by crossing, over the rated pairs; not negative. No linear model can explain it.
    /// </summary>
    public double CrossDeviation { get; init; } = 0.6;

    /// <summary>Share of the interactions that name a tag, as after a search by it, 0 to 1.</summary>
    public double TaggedShare { get; init; } = 0.15;

    /// <summary>Time of the first interaction.</summary>
    public DateTimeOffset Start { get; init; } = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Time over which the interactions spread, above 0.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromDays(180);

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Users is >= 2 and <= 1_000_000, nameof(Users), Users, "2 to 1,000,000");
        Require(Items is >= 2 and <= 1_000_000, nameof(Items), Items, "2 to 1,000,000");
        Require(
            Interactions >= 1 && Interactions <= (long)Users * Items / 2,
            nameof(Interactions),
            Interactions,
            "at least 1 and at most half of all pairs"
        );
        Require(Factors is >= 1 and <= 64, nameof(Factors), Factors, "1 to 64");
        Require(IsDeviation(NoiseDeviation), nameof(NoiseDeviation), NoiseDeviation, "finite and not negative");
        Require(double.IsFinite(Mean), nameof(Mean), Mean, "finite");
        Require(IsDeviation(LinearDeviation), nameof(LinearDeviation), LinearDeviation, "finite and not negative");
        Require(IsDeviation(CrossDeviation), nameof(CrossDeviation), CrossDeviation, "finite and not negative");
        Require(TaggedShare is >= 0 and <= 1, nameof(TaggedShare), TaggedShare, "0 to 1");
        Require(
            Duration > TimeSpan.Zero && Duration < DateTimeOffset.MaxValue - Start,
            nameof(Duration),
            Duration,
            "above 0 and within the calendar"
        );
    }

    private static bool IsDeviation(double value) => double.IsFinite(value) && value >= 0;

    private static void Require(bool holds, string name, object value, string range)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {range}."), name);
        }
    }
}
