using RecService.Engine.Data;

namespace RecService.Engine.Evaluation.Baselines;

/// <summary>What a baseline needs beside the number of items.</summary>
[Flags]
public enum BaselineNeeds
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The items that each user has met.</summary>
    Histories = 1,

    /// <summary>How many of its nearest items an item is compared with.</summary>
    Neighbours = 2,

    /// <summary>What users gave items, as targets.</summary>
    Ratings = 4,
}

/// <summary>What baselines can learn from.</summary>
/// <param name="ItemCount">Number of items.</param>
public sealed record BaselineData(int ItemCount)
{
    /// <summary>For each user row, the items met in training.</summary>
    public RowSets? Histories { get; init; }

    /// <summary>How many of its nearest items an item is compared with.</summary>
    public int? Neighbours { get; init; }

    /// <summary>Training examples that join users, as the first block, and items, as the second.</summary>
    public ExampleSet? Ratings { get; init; }
}

/// <summary>
/// A ranking that a model must improve upon, learned without one. A baseline is a class of its own, and a line in <see cref="RankingBaselines"/>.
/// </summary>
/// <typeparam name="TSelf">The baseline itself.</typeparam>
public interface IRankingBaseline<TSelf>
    where TSelf : IRankingBaseline<TSelf>
{
    /// <summary>What commands and reports call it.</summary>
    static abstract string Word { get; }

    /// <summary>What it ranks by, in words.</summary>
    static abstract string Description { get; }

    /// <summary>What it needs.</summary>
    static abstract BaselineNeeds Needs { get; }

    /// <summary>Learns from data that have what it needs.</summary>
    static abstract TSelf Of(BaselineData data);

    /// <summary>The scores of all items for a query: an <see cref="ItemScores"/>.</summary>
    void Score(RankingQuery query, Span<float> scores);
}

/// <summary>A baseline, as those see it who do not care which.</summary>
public sealed class RankingBaseline
{
    private readonly Func<BaselineData, ItemScores> _fit;

    private RankingBaseline(string word, string description, BaselineNeeds needs, Func<BaselineData, ItemScores> fit)
    {
        Word = word;
        Description = description;
        Needs = needs;
        _fit = fit;
    }

    /// <summary>What commands and reports call it.</summary>
    public string Word { get; }

    /// <summary>What it ranks by, in words.</summary>
    public string Description { get; }

    /// <summary>What it needs.</summary>
    public BaselineNeeds Needs { get; }

    /// <summary>A baseline by its type.</summary>
    public static RankingBaseline Of<TBaseline>()
        where TBaseline : IRankingBaseline<TBaseline> =>
        new(TBaseline.Word, TBaseline.Description, TBaseline.Needs, data => TBaseline.Of(data).Score);

    /// <summary>Learns from data, and scores by what was learned.</summary>
    /// <exception cref="ArgumentException">The data lack what the baseline needs, or name an item out of range.</exception>
    public ItemScores Learn(BaselineData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var given =
            (data.Histories is null ? BaselineNeeds.None : BaselineNeeds.Histories)
            | (data.Neighbours is null ? BaselineNeeds.None : BaselineNeeds.Neighbours)
            | (data.Ratings is null ? BaselineNeeds.None : BaselineNeeds.Ratings);
        var missing = Needs & ~given;
        return missing == BaselineNeeds.None ? _fit(data) : throw new ArgumentException($"The baseline {Word} needs {missing}.", nameof(data));
    }
}
