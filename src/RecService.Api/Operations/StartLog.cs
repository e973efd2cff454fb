namespace RecService.Api.Operations;

internal static partial class StartLog
{
    /// <summary>Says where a person can look at the service.</summary>
    public static void CanBeExplored(this ILogger logger, IReadOnlyList<string> addresses)
    {
        foreach (var address in addresses.Select(Visitable))
        {
            logger.CanBeExplored(address);
        }
    }

    /// <summary>An address that a browser on this machine can open, of one that a server listens on.</summary>
    internal static Uri Visitable(string address) =>
        new(
            new(
                address
                    .Replace("://[::]", "://localhost", StringComparison.Ordinal)
                    .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal)
                    .Replace("://+", "://localhost", StringComparison.Ordinal)
                    .Replace("://*", "://localhost", StringComparison.Ordinal)
            ),
            "swagger"
        );

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "The API can be explored at {Address}")]
    private static partial void CanBeExplored(this ILogger logger, Uri address);
}
