namespace RecService.Engine.Training;

/// <summary>Training was stopped because its loss was no longer a finite number. No model came of it.</summary>
public sealed class TrainingDivergedException : Exception
{
    public TrainingDivergedException()
    {
    }

    public TrainingDivergedException(string message)
        : base(message)
    {
    }

    public TrainingDivergedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="epoch">The epoch in which the loss overflowed.</param>
    public TrainingDivergedException(int epoch)
        : this($"Training diverged in epoch {epoch}: the loss is no longer a finite number. A lower learning rate, or targets on a smaller scale, help.") =>
        Epoch = epoch;

    /// <summary>The epoch in which the loss overflowed.</summary>
    public int Epoch { get; }
}
