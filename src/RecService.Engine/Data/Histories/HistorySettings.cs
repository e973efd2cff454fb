using System.Text.Json.Serialization;

namespace RecService.Engine.Data.Histories;

/// <summary>What interactions of a type say.</summary>
/// <param name="Type">The type.</param>
/// <param name="Weight">How much one counts, as compared with those of other types; negative where it says that the user dislikes the item.</param>
/// <param name="PositiveFrom">With a value, it is a positive from this value on only; null when every value is.</param>
/// <param name="NegativeTo">With a value up to this one it is a dislike; null when no value is.</param>
/// <param name="Minimum">With a lower value it says nothing; null when there is no bound.</param>
/// <param name="Maximum">With a higher value it says nothing; null when there is no bound.</param>
/// <param name="TypicalValue">m, above 0: a value v counts log2(1 + v/m) times the weight, one that is missing once, and up to 0 it says nothing; null when
/// every value counts the same.</param>
public sealed record EventMeaning(
    string Type,
    double Weight = 1,
    double? PositiveFrom = null,
    double? NegativeTo = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Minimum = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Maximum = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TypicalValue = null
)
{
    /// <summary>Whether an interaction of the type is a positive, and so part of the user's history.</summary>
    public bool IsPositive(double? value) =>
        Weight > 0 && IsInRange(value) && !(value < PositiveFrom) && !(value <= NegativeTo) && (TypicalValue is null || !(value <= 0));

    /// <summary>Whether an interaction of the type is a dislike.</summary>
    public bool IsNegative(double? value) => IsInRange(value) && (Weight < 0 || value <= NegativeTo);

    /// <summary>How much a positive counts, as compared with those of other types, in single precision as training has it.</summary>
    public float WeightOf(double? value) => (float)(Weight * (TypicalValue is { } typical ? ShareOf(value, typical) : 1));

    /// <summary>How many times as much a value counts as the typical one: twice as much counts 1.6 times, ten times as much 3.5 times.</summary>
    private static double ShareOf(double? value, double typical) =>
        value is not { } known ? 1
        : known <= 0 ? 0
        : Math.Log2(1 + Math.Min(known / typical, double.MaxValue));

    private bool IsInRange(double? value) => !(value < Minimum) && !(value > Maximum);
}

/// <summary>
/// What the history of a user is, and how it is pooled: the newest <see cref="Length"/> positives s = 1 … m before a moment, in the order of time, give
/// p_history = n^(−α) Σ_s ω_s a(j_s) with n = Σ_s ω_s, and p_recent = Σ_s γ^(m−s) ω_s b(j_s), where ω_s is the weight of the interaction's type, and of
/// its value where that counts, as compared with the mean of all, times its saturation and, where there is <see cref="AgeHalfLife"/>, its age. Part of the model, as factors mean nothing
/// under other settings.
/// </summary>
public sealed record HistorySettings
{
    /// <summary>N, how many of the newest positives count, 1 to 10,000.</summary>
    public int Length { get; init; } = 200;

    /// <summary>α, 0 to 1: 0 adds up the items of a history, 1 takes their mean.</summary>
    public float Alpha { get; init; } = 0.5f;

    /// <summary>γ, 0 to 1: what each later positive leaves of an earlier one in the recent history. With 0, it is the last positive alone.</summary>
    public float Gamma { get; init; } = 0.8f;

    /// <summary>Time after which half of a positive is left in the recent history, whatever came after it; null when time does not count.</summary>
    public TimeSpan? RecentHalfLife { get; init; }

    /// <summary>Time after which half of a positive is left in the long history; null when time does not count.</summary>
    public TimeSpan? AgeHalfLife { get; init; }

    /// <summary>Mean weight of the training positives, above 0: what weights of types are relative to.</summary>
    public double MeanWeight { get; init; } = 1;

    /// <summary>The types that count; null where every interaction is a positive of weight 1. Each stands once.</summary>
    public IReadOnlyList<EventMeaning>? Types { get; init; }

    /// <summary>What a type means; null when its interactions say nothing.</summary>
    public EventMeaning? MeaningOf(string type) =>
        Types is null ? new(type) : Types.FirstOrDefault(meaning => string.Equals(meaning.Type, type, StringComparison.Ordinal));

    /// <summary>The weight of an interaction in a history, relative to the mean of all; 0 when it is not part of one.</summary>
    public float WeightOf(string type, double? value = null) =>
        MeaningOf(type) is { } meaning && meaning.IsPositive(value) ? (float)(meaning.WeightOf(value) / MeanWeight) : 0;

    /// <summary>
    /// The weight of an interaction of which all is known, relative to the mean of all; 0 when it is not part of a history, as without a value where the
    /// type has a threshold.
    /// </summary>
    public float StoredWeightOf(string type, double? value) => value is null && MeaningOf(type)?.PositiveFrom is not null ? 0 : WeightOf(type, value);

    /// <summary>
    /// What the c-th interaction in a run with the same item counts, c = 1, 2, …: f(c) − f(c − 1) with f(c) = 1 + ln c and f(0) = 0, so that a run counts as
    /// much as the logarithm of its length.
    /// </summary>
    public static float SaturationOf(int run) => run <= 1 ? 1 : (float)Math.Log((double)run / (run - 1));

    /// <summary>What the count of an item in a history is to the model: ln(1 + c).</summary>
    /// <param name="count">c, the sum of the weights of the item's positives.</param>
    public static float RepeatValueOf(double count) => (float)Math.Log(1 + count);

    /// <summary>What is left after a time, of 1.</summary>
    internal static double Left(TimeSpan? halfLife, double seconds) => halfLife is { } half ? double.Exp2(-seconds / half.TotalSeconds) : 1;

    /// <summary>Checks every setting.</summary>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public void Validate()
    {
        Require(Length is >= 1 and <= 10_000, nameof(Length), Length, "1 to 10000");
        Require(Alpha is >= 0 and <= 1, nameof(Alpha), Alpha, "0 to 1");
        Require(Gamma is >= 0 and <= 1, nameof(Gamma), Gamma, "0 to 1");
        Require(RecentHalfLife is null || RecentHalfLife > TimeSpan.Zero, nameof(RecentHalfLife), RecentHalfLife, "above 0");
        Require(AgeHalfLife is null || AgeHalfLife > TimeSpan.Zero, nameof(AgeHalfLife), AgeHalfLife, "above 0");
        Require(double.IsFinite(MeanWeight) && MeanWeight > 0, nameof(MeanWeight), MeanWeight, "above 0");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var meaning in Types ?? [])
        {
            Require(names.Add(meaning.Type), nameof(Types), meaning.Type, "named once");
            Require(
                meaning.TypicalValue is null or (> 0 and < double.PositiveInfinity),
                $"{nameof(Types)}['{meaning.Type}'].{nameof(meaning.TypicalValue)}",
                meaning.TypicalValue,
                "above 0"
            );
            Require(
                new[] { meaning.Weight, meaning.PositiveFrom, meaning.NegativeTo, meaning.Minimum, meaning.Maximum }.All(number =>
                    double.IsFinite(number ?? 0)
                ),
                $"{nameof(Types)}['{meaning.Type}']",
                meaning,
                "finite"
            );
        }
    }

    private static void Require(bool holds, string name, object? value, string range)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {range}."), name);
        }
    }
}
