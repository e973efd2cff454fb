namespace RecService.Engine.Synthetic;

/// <summary>Sizes, seed and strengths of a <see cref="SequenceTruth"/>.</summary>
public sealed record SequenceTruthOptions
{
    /// <summary>Number of users, 2 to 1,000,000.</summary>
    public int Users { get; init; } = 1_500;

    /// <summary>Number of items, 40 to 100,000.</summary>
    public int Items { get; init; } = 400;

    /// <summary>Mean number of events of a user, about: 4 to a tenth of the items. No user has more than half of the items.</summary>
    public int EventsPerUser { get; init; } = 40;

    /// <summary>Mean number of events of a session, at least 1.</summary>
    public double EventsPerSession { get; init; } = 6;

    /// <summary>The length of the vectors of tastes and items, 1 to 64.</summary>
    public int Factors { get; init; } = 6;

    /// <summary>The seed; the same options give the same data on every machine.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Standard deviation over the items of what popularity adds to log-probabilities; not negative.</summary>
    public double PopularityDeviation { get; init; } = 0.6;

    /// <summary>Standard deviation over the items of what a user's taste adds to log-probabilities; not negative.</summary>
    public double TasteDeviation { get; init; } = 1.2;

    /// <summary>Standard deviation over the items of what the item just taken adds to log-probabilities; not negative.</summary>
    public double MoodDeviation { get; init; } = 1.6;

    /// <summary>Standard deviation over the items of what the device adds to log-probabilities; not negative.</summary>
    public double DeviceDeviation { get; init; } = 0.3;

    /// <summary>Correlation of a user's taste in one session and in the next, 0 to 1.</summary>
    public double TasteKept { get; init; } = 0.9;

    /// <summary>Share of the mood of a session that outlasts the taking of another item, 0 to 1.</summary>
    public double MoodKept { get; init; } = 0.4;

    /// <summary>Time before which no event is.</summary>
    public DateTimeOffset Start { get; init; } = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Time over which the sessions spread, above 0.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromDays(180);

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Users is >= 2 and <= 1_000_000, nameof(Users), Users, "2 to 1,000,000");
        Require(Items is >= 40 and <= 100_000, nameof(Items), Items, "40 to 100,000");
        Require(EventsPerUser >= 4 && EventsPerUser <= Items / 10, nameof(EventsPerUser), EventsPerUser, "4 to a tenth of the items");
        Require(
            EventsPerSession >= 1 && double.IsFinite(EventsPerSession),
            nameof(EventsPerSession),
            EventsPerSession,
            "finite and at least 1"
        );
        Require(Factors is >= 1 and <= 64, nameof(Factors), Factors, "1 to 64");
        Require(IsDeviation(PopularityDeviation), nameof(PopularityDeviation), PopularityDeviation, "finite and not negative");
        Require(IsDeviation(TasteDeviation), nameof(TasteDeviation), TasteDeviation, "finite and not negative");
        Require(IsDeviation(MoodDeviation), nameof(MoodDeviation), MoodDeviation, "finite and not negative");
        Require(IsDeviation(DeviceDeviation), nameof(DeviceDeviation), DeviceDeviation, "finite and not negative");
        Require(TasteKept is >= 0 and <= 1, nameof(TasteKept), TasteKept, "0 to 1");
        Require(MoodKept is >= 0 and <= 1, nameof(MoodKept), MoodKept, "0 to 1");
        Require(
            Duration > TimeSpan.Zero && Duration < (DateTimeOffset.MaxValue - Start) / 2,
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
