using Microsoft.Extensions.Logging;

namespace RecService.Client.Sending;

/// <summary>What the sender says.</summary>
internal static partial class SenderLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Count} interactions are not taken yet ({Problem}); trying again in {Seconds:0.0} s.")]
    public static partial void Away(ILogger logger, int count, string problem, double seconds);

    [LoggerMessage(2, LogLevel.Error, "{Count} interactions are not taken: {Problem} Trying again in {Seconds:0.0} s.")]
    public static partial void NotAllowed(ILogger logger, int count, string problem, double seconds);

    [LoggerMessage(3, LogLevel.Warning, "An interaction of the type {Type} is rejected: {Reasons}")]
    public static partial void Rejected(ILogger logger, string type, string reasons);

    [LoggerMessage(4, LogLevel.Warning, "{Count} interactions were dropped, {Total} since the start.")]
    public static partial void Dropped(ILogger logger, long count, long total);

    [LoggerMessage(5, LogLevel.Error, "OnRejected of the interaction sender failed.")]
    public static partial void CallbackFailed(ILogger logger, Exception exception);
}
