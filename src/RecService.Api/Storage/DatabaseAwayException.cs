namespace RecService.Api.Storage;

/// <summary>The database is away, or was a moment ago.</summary>
internal sealed class DatabaseAwayException : Exception
{
    public DatabaseAwayException()
        : this("The database is away.") { }

    public DatabaseAwayException(string message)
        : base(message) { }

    public DatabaseAwayException(string message, Exception innerException)
        : base(message, innerException) { }
}
