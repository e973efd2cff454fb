namespace RecService.Cli.Service;

/// <summary>The service did not take a request at this moment, and may take it when it is sent again.</summary>
internal sealed class ServiceAwayException(string message, TimeSpan? retryAfter, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>When it wants to be asked again, where it has said so.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}
