namespace RecService.Engine.Model;

/// <summary>A model file cannot be read; the message says why.</summary>
public sealed class ModelFormatException : Exception
{
    public ModelFormatException() { }

    public ModelFormatException(string message)
        : base(message) { }

    public ModelFormatException(string message, Exception innerException)
        : base(message, innerException) { }
}
