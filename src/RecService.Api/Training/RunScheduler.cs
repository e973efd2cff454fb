using System.Diagnostics;
using Microsoft.Extensions.Options;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Training;

/// <summary>Trains on a schedule and on demand, one run at a time.</summary>
internal sealed class RunScheduler(
    RunStore runs,
    RunExecutor runner,
    CutoffReader reader,
    IOptions<TrainingOptions> options,
    IHostApplicationLifetime lifetime,
    ServiceMetrics instruments,
    TimeProvider clock,
    ILogger<RunScheduler> logger
) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);

    /// <summary>How often a process looks at what the others have recorded while it waits for its turn.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);

    /// <summary>How often a run looks whether it has been cancelled and still holds the lock, and tries again to record its end.</summary>
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    private readonly RunSchedule _schedule = new(options.Value, clock.GetUtcNow());
    private readonly SemaphoreSlim _starting = new(1, 1);
    private volatile CurrentRun? _current;
    private volatile bool _scheduleFails;
    private DateTimeOffset? _lastSkip;

    /// <summary>Whether the schedule runs at all.</summary>
    public bool HasSchedule => options.Value.Enabled;

    /// <summary>Whether the schedule could not be followed when this was last tried; it is tried again.</summary>
    public bool ScheduleFails => _scheduleFails;

    /// <summary>Starts a run unless one is going on, here or in another process.</summary>
    /// <returns>The started run, or the one that is going on.</returns>
    public async Task<(TrainingRun Run, bool Started)> StartRunAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            while (true)
            {
                if (_current is { Completion.IsCompleted: false } current)
                {
                    if (await runs.FindAsync(current.Run.RunId, cancellationToken) is { Status: TrainingRunStatus.Running } own)
                    {
                        return (own, false);
                    }
                    // Its end is recorded, and it lets go of the lock in a moment.
                    await current.Completion.WaitAsync(cancellationToken);
                }
                var heldLock = await runs.TryLockAsync(cancellationToken);
                if (heldLock is not null)
                {
                    return ((await BeginAsync(TrainingRunTrigger.Demand, heldLock)).Run, true);
                }

                if (await runs.FindRunningAsync(cancellationToken) is { } running)
                {
                    return (running, false);
                }
                // The other process has the lock but has not recorded its run yet, or has just recorded its end.
                await Task.Delay(TimeSpan.FromMilliseconds(50), clock, cancellationToken);
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_current is { } current)
        {
            current.Stop(RunEnd.ServiceStopped);
            await current.Cleanup.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // The host's time may have run out while requests drained, and the outcome has to be recorded before the database stops.
            await current.Cleanup.WaitAsync(StopLimit, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override void Dispose()
    {
        _starting.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await RecordOrphansAsync(stoppingToken);
        // From then on the schedule must not begin another run here, though that one was cut off.
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        var stopping = stopped.Token;
        while (HasSchedule && !stopping.IsCancellationRequested)
        {
            try
            {
                var wait = await TimeToNextTurnAsync(stopping);
                var begun = wait <= TimeSpan.Zero ? await ServeTurnAsync(stopping) : null;
                _scheduleFails = false;
                if (begun is not null)
                {
                    await begun.Completion.WaitAsync(stopping);
                }
                else
                {
                    await Task.Delay(wait > TimeSpan.Zero && wait < LookInterval ? wait : LookInterval, clock, stopping);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Once for each time that the database is away.
                if (!_scheduleFails)
                {
                    logger.ScheduleFailed(RetryDelay, exception.Discreet());
                }

                _scheduleFails = true;
                await Task.Delay(RetryDelay, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    /// <summary>How long until a run is due, as things stand; zero or less when it is due now.</summary>
    private async Task<TimeSpan> TimeToNextTurnAsync(CancellationToken cancellationToken)
    {
        var lastRuns = await runs.FindLastAsync(2, cancellationToken);
        if (lastRuns is [{ Status: TrainingRunStatus.Running }, ..])
        {
            // Its process may have died.
            await runs.FailOrphansAsync(cancellationToken);
            lastRuns = await runs.FindLastAsync(2, cancellationToken);
        }
        return TimeToNextTurn(lastRuns);
    }

    private TimeSpan TimeToNextTurn(IReadOnlyList<TrainingRun> lastRuns) =>
        lastRuns is not [{ Status: TrainingRunStatus.Running }, ..] && _schedule.NextDue(lastRuns, _lastSkip) is { } due
            ? due - clock.GetUtcNow()
            : LookInterval;

    /// <summary>Begins a run, unless one goes on, another process has just served the turn, or there is a reason to skip it.</summary>
    private async Task<CurrentRun?> ServeTurnAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            // A run that has lost the lock may still be stopping here.
            if (_current is { Completion.IsCompleted: false } || await runs.TryLockAsync(cancellationToken) is not { } heldLock)
            {
                return null;
            }

            var begins = false;
            try
            {
                // Only who holds the lock knows that no other process whose turn it is as well has been quicker.
                var lastRuns = await runs.FindLastAsync(2, cancellationToken);
                if (TimeToNextTurn(lastRuns) > TimeSpan.Zero)
                {
                    return null;
                }

                if (await ReasonToSkipAsync(lastRuns, cancellationToken) is { } reason)
                {
                    logger.ScheduleSkipped(reason);
                    _lastSkip = clock.GetUtcNow();
                    return null;
                }
                begins = true;
            }
            finally
            {
                if (!begins)
                {
                    await heldLock.DisposeAsync();
                }
            }
            return await BeginAsync(TrainingRunTrigger.Schedule, heldLock);
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task<string?> ReasonToSkipAsync(IReadOnlyList<TrainingRun> lastRuns, CancellationToken cancellationToken)
    {
        if (!await runs.AnyInteractionAsync(cancellationToken))
        {
            return "there are no interactions";
        }
        // A run that did not succeed is tried again, and so is one whose settings were others. Only a lack of usable rows cannot mend itself.
        if (
            lastRuns is not [{ CutoffSnapshot: { } snapshot, DatabaseId: { } databaseId } last, ..]
            || (last.Status != TrainingRunStatus.Succeeded && last.Error != FitAndRefit.NoUsableRows)
            || !RunJson.Same(last.Settings, RunJson.Write(options.Value))
        )
        {
            return null;
        }

        return await reader.HasChangedSinceAsync(snapshot, databaseId, cancellationToken) ? null : "nothing has changed since the last run";
    }

    private async Task<CurrentRun> BeginAsync(TrainingRunTrigger trigger, RunLock heldLock)
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
        var current = new CurrentRun(run, new());
        var execution = ExecuteRunAsync(current, heldLock);
        current.Completion = execution;
        current.Cleanup = CleanUpAsync(execution);
        _current = current;
        return current;
    }

    /// <returns>Whether the run has succeeded.</returns>
    private async Task<bool> ExecuteRunAsync(CurrentRun current, RunLock heldLock)
    {
        await Task.Yield();
        await using var _ = heldLock;
        // While requests still drain, since a run takes its time to stop; and at once if the service stops already.
        await using var stopping = lifetime.ApplicationStopping.Register(() => current.Stop(RunEnd.ServiceStopped));
        var run = current.Run;
        using var span = Spans.StartRoot("training run");
        span?.SetTag("recservice.training.run_id", run.RunId);
        var start = Stopwatch.GetTimestamp();
        var outcome = Outcome.Succeeded;
        logger.RunStarted(run.RunId, run.Trigger.ToString(), run.Objective);
        using var ended = new CancellationTokenSource();
        var watching = WatchAsync(current, heldLock, ended.Token);
        Exception? failure = null;
        try
        {
            await runner.RunAsync(run, options.Value, current.Stopping);
        }
        catch (Exception exception)
        {
            failure = exception;
        }
        await ended.CancelAsync();
        await watching;
        if (failure is not null)
        {
            // It may have failed of what the watch had no time to notice: when the database went away, so did the lock.
            await LookAsync(current, heldLock);
            var end = current.End ?? new(TrainingRunStatus.Failed, failure.Message);
            outcome = end.Status == TrainingRunStatus.Cancelled ? Outcome.Cancelled : Outcome.Failed;
            if (outcome == Outcome.Failed)
            {
                span?.SetFailed(failure);
            }

            if (current.End is null)
            {
                logger.RunFailed(run.RunId, failure.Discreet());
            }
            else
            {
                logger.RunStopped(run.RunId, end.Error);
            }

            await EndAsync(run.RunId, end);
        }
        instruments.TrainingEnded(run.Trigger == TrainingRunTrigger.Schedule ? "schedule" : "demand", outcome, Stopwatch.GetElapsedTime(start));
        return failure is null;
    }

    /// <summary>Takes its time without the lock, so that whoever wants to train next need not wait for it.</summary>
    private async Task CleanUpAsync(Task<bool> execution)
    {
        if (await execution)
        {
            await runner.VacuumAsync(lifetime.ApplicationStopping);
        }
    }

    private async Task WatchAsync(CurrentRun current, RunLock heldLock, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(WatchInterval, clock);
        try
        {
            while (current.End is null && await timer.WaitForNextTickAsync(ended))
            {
                await LookAsync(current, heldLock);
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }

    /// <summary>
    /// Stops a run that somebody has cancelled, through whichever process, or whose lock is lost, since another process may train by then.
    /// </summary>
    private async Task LookAsync(CurrentRun current, RunLock heldLock)
    {
        if (current.End is not null)
        {
            return;
        }

        try
        {
            if (await heldLock.FindEndAsync(current.Run.RunId) is { } end)
            {
                current.Stop(end);
            }
        }
        catch (Exception exception)
        {
            logger.LockLost(current.Run.RunId, exception.Discreet());
            current.Stop(RunEnd.LockLost);
        }
    }

    /// <summary>
    /// Records the end of a run without a model, if need be when the database is back, unless the next holder of the lock has done it by then.
    /// </summary>
    private async Task EndAsync(long runId, RunEnd end)
    {
        while (true)
        {
            try
            {
                await runs.RecordEndAsync(runId, end, CancellationToken.None);
                return;
            }
            catch (Exception exception) when (DatabaseErrors.IsAway(exception) && !lifetime.ApplicationStopping.IsCancellationRequested)
            {
                await Task.Delay(WatchInterval, clock, lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception exception)
            {
                logger.OutcomeNotRecorded(runId, exception.Discreet());
                return;
            }
        }
    }

    /// <summary>A run that goes on in this process.</summary>
    private sealed class CurrentRun(TrainingRun run, CancellationTokenSource stopping)
    {
        private RunEnd? _end;

        public TrainingRun Run => run;

        /// <summary>Ends when the lock is released.</summary>
        public Task Completion { get; set; } = Task.CompletedTask;

        /// <summary>Ends when all is done that follows.</summary>
        public Task Cleanup { get; set; } = Task.CompletedTask;

        public CancellationToken Stopping => stopping.Token;

        /// <summary>What has stopped it first.</summary>
        public RunEnd? End => Volatile.Read(ref _end);

        public void Stop(RunEnd end)
        {
            Interlocked.CompareExchange(ref _end, end, null);
            stopping.Cancel();
        }
    }
}
