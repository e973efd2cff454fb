namespace RecService.Api.Operations;

internal static partial class StartLog
{
    /// <summary>Says where a person can look at the service.</summary>
    public static void CanBeExplored(this ILogger logger, IReadOnlyList<string> addresses, bool withDashboard)
    {
        foreach (var address in addresses.Select(Visitable))
        {
            if (withDashboard)
            {
                logger.HasDashboard(new(address, "dashboard"));
            }

            logger.CanBeExplored(new(address, "swagger"));
        }
    }

    /// <summary>An address that a browser on this machine can open, of one that a server listens on.</summary>
    internal static Uri Visitable(string address) =>
        new(
            address
                .Replace("://[::]", "://localhost", StringComparison.Ordinal)
                .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal)
                .Replace("://+", "://localhost", StringComparison.Ordinal)
                .Replace("://*", "://localhost", StringComparison.Ordinal)
        );

    [LoggerMessage(EventId = 1004, Level = LogLevel.Information, Message = "The dashboard is at {Address}")]
    private static partial void HasDashboard(this ILogger logger, Uri address);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "The API can be explored at {Address}")]
    private static partial void CanBeExplored(this ILogger logger, Uri address);
}
