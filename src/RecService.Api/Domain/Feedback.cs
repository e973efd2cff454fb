namespace RecService.Api.Domain;

/// <summary>What interactions of a type say.</summary>
/// <param name="Type">The type, in whatever case.</param>
/// <param name="Weight">How much one counts; negative where it says that the user dislikes the item, 0 where it says nothing.</param>
/// <param name="PositiveFrom">It is a positive from this value on only; null when every value is, and none.</param>
/// <param name="NegativeTo">With a value up to this one it is a dislike; null when no value is.</param>
/// <param name="Minimum">With a lower value it says nothing; null when there is no bound.</param>
/// <param name="Maximum">With a higher value it says nothing; null when there is no bound.</param>
internal sealed record FeedbackType(string Type, double Weight, double? PositiveFrom, double? NegativeTo, double? Minimum, double? Maximum)
{
    /// <summary>Whether an interaction says that the user likes the item.</summary>
    public bool IsPositive(double? value) =>
        Weight > 0 && IsInRange(value) && (PositiveFrom is null || value >= PositiveFrom) && !(value <= NegativeTo);

    /// <summary>Whether an interaction says that the user dislikes the item.</summary>
    public bool IsNegative(double? value) => IsInRange(value) && (Weight < 0 || (Weight > 0 && value <= NegativeTo));

    /// <summary>Whether a value is one that interactions of the type may have.</summary>
    public bool IsInRange(double? value) => !(value < Minimum) && !(value > Maximum);
}

/// <summary>What the types of interactions say: one meaning for training, popularity, and what users have seen or dislike.</summary>
internal sealed class Feedback(IEnumerable<FeedbackType> types)
{
    /// <summary>SQL: whether the interaction <c>i</c> has no value out of the range of <c>m</c>.</summary>
    public const string IsInRangeSql = "(i.value < m.minimum) IS NOT TRUE AND (i.value > m.maximum) IS NOT TRUE";

    /// <summary>SQL: whether the interaction <c>i</c> is a positive, by the columns <c>m</c> of <see cref="Types"/>.</summary>
    public const string IsPositiveSql =
        $"m.weight > 0 AND {IsInRangeSql} AND (m.positive_from IS NULL OR i.value >= m.positive_from) AND (i.value <= m.negative_to) IS NOT TRUE";

    /// <summary>SQL: whether the interaction <c>i</c> is a dislike, by the columns <c>m</c> of <see cref="Types"/>.</summary>
    public const string IsNegativeSql = $"((m.weight < 0 OR (m.weight > 0 AND i.value <= m.negative_to)) AND {IsInRangeSql})";

    private readonly Dictionary<string, FeedbackType> _types = types.ToDictionary(type => type.Type, StringComparer.OrdinalIgnoreCase);

    /// <summary>The types that say something, or are known to say nothing.</summary>
    public IReadOnlyCollection<FeedbackType> Types => _types.Values;

    /// <summary>What a type says; null when nobody has told.</summary>
    public FeedbackType? Of(string type) => _types.GetValueOrDefault(type);
}
