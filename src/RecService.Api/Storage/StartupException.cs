namespace RecService.Api.Storage;

/// <summary>Why the service cannot start, in a sentence for the person who starts it; a stack trace would add nothing.</summary>
internal sealed class StartupException : Exception
{
    public StartupException() { }

    public StartupException(string message)
        : base(message) { }

    public StartupException(string message, Exception innerException)
        : base(message, innerException) { }
}
