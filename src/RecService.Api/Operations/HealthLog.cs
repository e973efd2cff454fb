using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RecService.Api.Operations;

/// <summary>Logs what becomes of each check when that changes, however often it is asked for.</summary>
internal sealed partial class HealthLog(ILogger<HealthLog> logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, HealthStatus> _known = new(StringComparer.Ordinal);

    public void Note(HealthReport report)
    {
        lock (_lock)
        {
            foreach (var (check, entry) in report.Entries)
            {
                if (_known.GetValueOrDefault(check, HealthStatus.Healthy) != entry.Status)
                {
                    _known[check] = entry.Status;
                    LogChanged(LevelOf(entry.Status), check, entry.Status, entry.Description);
                }
            }
        }
    }

    private static LogLevel LevelOf(HealthStatus status) =>
        status switch
        {
            HealthStatus.Healthy => LogLevel.Information,
            HealthStatus.Degraded => LogLevel.Warning,
            _ => LogLevel.Error,
        };

    [LoggerMessage(Message = "The health of {Check} is {Status} now: {Description}")]
    private partial void LogChanged(LogLevel level, string check, HealthStatus status, string? description);
}
