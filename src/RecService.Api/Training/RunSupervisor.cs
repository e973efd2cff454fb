using System.Diagnostics;
using Microsoft.Extensions.Options;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Training;

/// <summary>Has a run executed and its end recorded, whatever befalls it: it is cancelled, loses its lock, or the service stops.</summary>
internal sealed class RunSupervisor(
    RunExecutor executor,
    RunCompletion completion,
    RunStore runs,
    IOptions<TrainingOptions> options,
    IHostApplicationLifetime lifetime,
    ServiceMetrics metrics,
    TimeProvider clock,
    ILogger<RunSupervisor> logger
)
{
    /// <summary>How often a run looks whether it has been cancelled and still holds the lock, and tries again to record its end.</summary>
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    /// <summary>Begins a run that has been recorded. The lock is released at its end.</summary>
    public CurrentRun Begin(TrainingRun run, RunLock heldLock)
    {
        var current = new CurrentRun(run, new());
        var execution = ExecuteAsync(current, heldLock);
        current.Completion = execution;
        current.Cleanup = CleanUpAsync(execution);
        return current;
    }

    /// <returns>Whether the run has succeeded.</returns>
    private async Task<bool> ExecuteAsync(CurrentRun current, RunLock heldLock)
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
            await executor.RunAsync(run, options.Value, current.Stopping);
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
            var end = current.End ?? new(TrainingRunStatus.Failed, failure.Message) { Diverged = failure as DivergedRunException };
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
        metrics.TrainingEnded(run.Trigger == TrainingRunTrigger.Schedule ? "schedule" : "demand", outcome, Stopwatch.GetElapsedTime(start));
        return failure is null;
    }

    /// <summary>Takes its time without the lock, so that whoever wants to train next need not wait for it.</summary>
    private async Task CleanUpAsync(Task<bool> execution)
    {
        if (await execution)
        {
            await completion.VacuumAsync(lifetime.ApplicationStopping);
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
            catch (Exception exception)
                when ((DatabaseErrors.IsAway(exception) || DatabaseErrors.IsCollision(exception))
                    && !lifetime.ApplicationStopping.IsCancellationRequested)
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
}
