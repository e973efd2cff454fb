using System.Diagnostics.CodeAnalysis;
using Quartz;

namespace RecService.Api.Training;

/// <summary>Says when the next scheduled run is due.</summary>
internal sealed class TrainingSchedule(TrainingOptions options)
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

    /// <summary>The first due time after the start of the last run, or after <paramref name="now"/> for cron; without a former run an interval is due at once.</summary>
    public DateTimeOffset? NextDue(DateTimeOffset now, DateTimeOffset? lastStart)
    {
        if (!options.Enabled)
            return null;
        if (_cron is not null)
            return _cron.GetNextValidTimeAfter(now);
        return lastStart is { } last && last + options.Interval > now ? last + options.Interval : now;
    }
}
