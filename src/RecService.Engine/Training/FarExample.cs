namespace RecService.Engine.Training;

/// <summary>An example that is far from the others, in training that diverged.</summary>
/// <param name="Index">Which one, in the order of the examples, or the event of a sequence.</param>
/// <param name="IsHeldOut">Whether it is one of the holdout.</param>
/// <param name="Column">The column of the greatest entry, where it is the entries that are far; null where it is the target.</param>
/// <param name="Value">That entry, or the target.</param>
/// <param name="Times">How many times as large the sum of the squares of the entries is, or the target, as the median of the training examples.</param>
public sealed record FarExample(int Index, bool IsHeldOut, int? Column, float Value, double Times)
{
    /// <summary>What is far, in words.</summary>
    /// <param name="nameOf">What to call a column.</param>
    public string Describe(Func<int, string> nameOf)
    {
        ArgumentNullException.ThrowIfNull(nameOf);
        return Column is { } column
            ? FormattableString.Invariant($"the entry {Value:G6} of {nameOf(column)}, which makes its squares {Times:G3} times the median")
            : FormattableString.Invariant($"the target {Value:G6}, {Times:G3} times the median");
    }
}
