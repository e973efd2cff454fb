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
    public TrainingDivergedException(int epoch)
        : this($"Training diverged in epoch {epoch}: the loss grows without bound. A lower learning rate, or features on a smaller scale, help.") =>
        Epoch = epoch;

    /// <summary>The epoch in which training diverged.</summary>
    public int Epoch { get; }
}
