namespace RecService.Engine.Training;

/// <summary>Training was stopped because its loss grew without bound. No model came of it.</summary>
public sealed class TrainingDivergedException : Exception
{
    public TrainingDivergedException() { }

    public TrainingDivergedException(string message)
        : base(message) { }

    public TrainingDivergedException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <param name="epoch">The epoch in which training diverged.</param>
    /// <param name="examples">Examples that are far from the others.</param>
    public TrainingDivergedException(int epoch, IReadOnlyList<FarExample> examples)
        : this(
            ReasonOf(
                epoch,
                examples,
                far => $"{(far.IsHeldOut ? "held-out " : "")}example {far.Index} with {far.Describe(column => $"column {column}")}"
            )
        ) => (Epoch, Examples) = (epoch, examples);

    /// <summary>The epoch in which training diverged.</summary>
    public int Epoch { get; }

    /// <summary>Examples that may have driven it, the one farthest from the others first; empty where none is far from them.</summary>
    public IReadOnlyList<FarExample> Examples { get; } = [];

    /// <summary>The message in the words of whoever knows what the examples are.</summary>
    /// <param name="describe">What to say of one.</param>
    public string ReasonWith(Func<FarExample, string> describe)
    {
        ArgumentNullException.ThrowIfNull(describe);
        return Examples.Count == 0 ? Message : ReasonOf(Epoch, Examples, describe);
    }

    private static string ReasonOf(int epoch, IReadOnlyList<FarExample> examples, Func<FarExample, string> describe)
    {
        var reason = $"Training diverged in epoch {epoch}: the loss grows without bound. A lower learning rate, or features on a smaller scale, help.";
        return examples.Count == 0 ? reason : $"{reason} Far from the others: {string.Join("; ", examples.Select(describe))}.";
    }
}
