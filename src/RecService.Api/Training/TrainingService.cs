using System.Diagnostics;
using Microsoft.Extensions.Options;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Training;

/// <summary>Trains on a schedule and on demand, one run at a time.</summary>
internal sealed class TrainingService(
    TrainingRuns runs,
    TrainingRunner runner,
    TrainingDataReader reader,
    IOptions<TrainingOptions> options,
    IHostApplicationLifetime lifetime,
    ServiceMetrics instruments,
    TimeProvider clock,
    ILogger<TrainingService> logger) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    private readonly TrainingSchedule _schedule = new(options.Value);
    private readonly SemaphoreSlim _starting = new(1, 1);
    private volatile CurrentRun? _current;
    private volatile bool _scheduleFails;
    private DateTimeOffset? _lastTick;
    private CancellationTokenRegistration _stopping;

    /// <summary>Whether the schedule runs at all.</summary>
    public bool HasSchedule => options.Value.Enabled;

    /// <summary>Whether the last turn of the schedule could not be served; it is tried again.</summary>
    public bool ScheduleFails => _scheduleFails;

    /// <summary>Starts a run unless one is going on, here or in another process.</summary>
    /// <returns>The started run, or the one that is going on.</returns>
    public async Task<(TrainingRun Run, bool Started)> StartRunAsync(TrainingRunTrigger trigger, CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            while (true)
            {
                if (_current is { Completion.IsCompleted: false } current)
                {
                    if (await runs.FindAsync(current.RunId, cancellationToken) is { Status: TrainingRunStatus.Running } own)
                        return (own, false);
                    // Its end is recorded, and it lets go of the lock in a moment.
                    await current.Completion.WaitAsync(cancellationToken);
                }
                var heldLock = await runs.TryLockAsync(cancellationToken);
                if (heldLock is not null)
                    return (await BeginAsync(trigger, heldLock), true);
                if (await runs.FindRunningAsync(cancellationToken) is { } running)
                    return (running, false);
                // The other process has the lock but has not recorded its run yet, or has just recorded its end.
                await Task.Delay(TimeSpan.FromMilliseconds(50), clock, cancellationToken);
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Asks the run to stop, if it runs in this process.</summary>
    /// <returns>False when this process does not run it.</returns>
    public bool Cancel(long runId)
    {
        if (_current is not { Completion.IsCompleted: false } current || current.RunId != runId)
            return false;
        current.Cancellation.Cancel();
        return true;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_current is { } current)
        {
            await current.Cancellation.CancelAsync();
            await current.Completion.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // The host's time may have run out while requests drained, and the outcome has to be recorded before the database stops.
            await current.Completion.WaitAsync(StopLimit, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        _starting.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // At once, while requests still drain: a run takes its time to stop.
        _stopping = lifetime.ApplicationStopping.Register(() => _current?.Cancellation.Cancel());
        await RecordOrphansAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await WaitUntilDueAsync(stoppingToken))
                    return;
                if (await ReasonToSkipAsync(stoppingToken) is { } reason)
                    logger.ScheduleSkipped(reason);
                else
                    await StartRunAsync(TrainingRunTrigger.Schedule, stoppingToken);
                _scheduleFails = false;
                if (_current is { } current)
                    await current.Completion.WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                _scheduleFails = true;
                // The turn has not been served, so it is still due.
                _lastTick = null;
                logger.ScheduleFailed(RetryDelay, exception.Discreet());
                await Task.Delay(RetryDelay, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>A run that another process left unfinished gets its end recorded at the start, whether or not a run is due.</summary>
    private async Task RecordOrphansAsync(CancellationToken cancellationToken)
    {
        try
        {
            await runs.FailOrphansAsync(cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Whoever takes the lock next does it.
            logger.OrphansNotRecorded(exception.Discreet());
        }
    }

    /// <summary>False when nothing will ever be due.</summary>
    private async Task<bool> WaitUntilDueAsync(CancellationToken cancellationToken)
    {
        // The first tick of a process continues the rhythm of the one before it.
        var lastTick = _lastTick ?? (await runs.FindLastAsync(cancellationToken))?.StartedAt;
        if (_schedule.NextDue(clock.GetUtcNow(), lastTick) is not { } due)
            return false;
        // Task.Delay takes at most about 49 days; a cron expression may be due later.
        for (var wait = due - clock.GetUtcNow(); wait > TimeSpan.Zero; wait = due - clock.GetUtcNow())
            await Task.Delay(wait < TimeSpan.FromDays(1) ? wait : TimeSpan.FromDays(1), clock, cancellationToken);
        _lastTick = clock.GetUtcNow();
        return true;
    }

    private async Task<string?> ReasonToSkipAsync(CancellationToken cancellationToken)
    {
        if (!await runs.AnyInteractionAsync(cancellationToken))
            return "there are no interactions";
        // A run that did not succeed is tried again, and so is one whose settings were others. Only a lack of usable rows cannot mend itself.
        if (await runs.FindLastAsync(cancellationToken) is not { CutoffSnapshot: { } snapshot, DatabaseId: { } databaseId } last
            || (last.Status != TrainingRunStatus.Succeeded && last.Error != TrainingFit.NoUsableRows)
            || !TrainingJson.Same(last.Settings, TrainingJson.Write(options.Value)))
            return null;
        return await reader.HasChangedSinceAsync(snapshot, databaseId, cancellationToken) ? null : "nothing has changed since the last run";
    }

    private async Task<TrainingRun> BeginAsync(TrainingRunTrigger trigger, TrainingLock heldLock)
    {
        TrainingRun run;
        try
        {
            // Not the caller's token: once the record is there, the run has to follow.
            run = await runs.CreateAsync(trigger, options.Value, CancellationToken.None);
        }
        catch
        {
            await heldLock.DisposeAsync();
            throw;
        }
        var cancellation = new CancellationTokenSource();
        _current = new(run.RunId, cancellation, ExecuteRunAsync(run, heldLock, cancellation.Token));
        return run;
    }

    private async Task ExecuteRunAsync(TrainingRun run, TrainingLock heldLock, CancellationToken cancellationToken)
    {
        await Task.Yield();
        await using var _ = heldLock;
        using var span = Spans.StartRoot("training run");
        span?.SetTag("recservice.training.run_id", run.RunId);
        var start = Stopwatch.GetTimestamp();
        var ending = Outcome.Succeeded;
        logger.RunStarted(run.RunId, run.Trigger.ToString(), run.Objective);
        try
        {
            await runner.RunAsync(run, options.Value, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            ending = Outcome.Cancelled;
            logger.RunCancelled(run.RunId, "stop requested");
            await EndAsync(run.RunId, TrainingRunStatus.Cancelled, "The run was cancelled.");
        }
        catch (Exception exception)
        {
            ending = Outcome.Failed;
            span?.SetFailed(exception);
            logger.RunFailed(run.RunId, exception.Discreet());
            await EndAsync(run.RunId, TrainingRunStatus.Failed, exception.Message);
        }
        instruments.TrainingEnded(run.Trigger == TrainingRunTrigger.Schedule ? "schedule" : "demand", ending, Stopwatch.GetElapsedTime(start));
    }

    private async Task EndAsync(long runId, TrainingRunStatus status, string error)
    {
        try
        {
            await runs.RecordEndAsync(runId, status, error, CancellationToken.None);
        }
        catch (Exception exception)
        {
            // The next holder of the lock records the run as failed.
            logger.OutcomeNotRecorded(runId, exception.Discreet());
        }
    }

    private sealed record CurrentRun(long RunId, CancellationTokenSource Cancellation, Task Completion);
}
