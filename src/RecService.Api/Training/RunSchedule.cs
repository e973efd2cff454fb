using System.Diagnostics.CodeAnalysis;
using Quartz;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>
/// Says when the next scheduled run is due: one schedule for all processes, which is kept by the runs that any of them has recorded.
/// </summary>
/// <param name="options">The settings.</param>
/// <param name="start">When this process started; turns of a cron expression that were missed before are not made up for.</param>
internal sealed class RunSchedule(TrainingOptions options, DateTimeOffset start)
{
    private readonly CronExpression? _cron = options.Schedule is { } expression && TryParse(expression, out var cron) ? cron : null;

    /// <summary>Reads a cron expression of five fields (minutes first) or of six or seven (seconds first, Quartz dialect).</summary>
    public static bool TryParse(string expression, [NotNullWhen(true)] out CronExpression? cron)
    {
        var fields = expression.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        var valid = CronExpression.TryParse(expression, fields == 5 ? CronFormat.Unix : CronFormat.Quartz, out cron);
        cron = valid ? cron!.WithTimeZone(TimeZoneInfo.Utc) : null;
        return valid;
    }

    /// <summary>When the next run is due, which may be long ago; null for never.</summary>
    /// <param name="lastRuns">The last two runs, newest first; or as many as there are.</param>
    /// <param name="lastSkip">When this process last found, at its turn, that a run would be of no use.</param>
    public DateTimeOffset? NextDue(IReadOnlyList<TrainingRun> lastRuns, DateTimeOffset? lastSkip)
    {
        if (!options.Enabled)
        {
            return null;
        }

        var last = lastRuns.Count > 0 ? lastRuns[0] : null;
        // Once only: a run that brings down the process that executes it must not bring down all of them.
        if (last is not null && RunEnd.WasCutOff(last) && !lastRuns.Skip(1).Any(RunEnd.WasCutOff) && (lastSkip is null || lastSkip < last.FinishedAt))
        {
            return last.FinishedAt;
        }
        // Who cancels a run does not want it to begin again at once, however long it has lasted.
        var lastTurn = Later(last is { CancelRequestedAt: not null } ? last.FinishedAt : last?.StartedAt, lastSkip);
        return _cron is not null ? _cron.GetNextValidTimeAfter(Later(lastTurn, start)!.Value) : lastTurn + options.Interval ?? start;
    }

    private static DateTimeOffset? Later(DateTimeOffset? a, DateTimeOffset? b) => a is null || b > a ? b : a;
}
