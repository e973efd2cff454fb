using Microsoft.Extensions.Options;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>Starts runs, one at a time, and stops the one that goes on in this process.</summary>
internal sealed class RunStarter(RunSupervisor supervisor, RunStore runs, IOptions<TrainingOptions> options, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _starting = new(1, 1);
    private volatile CurrentRun? _current;

    /// <summary>Starts a run unless one is going on, here or in another process.</summary>
    /// <returns>The started run, or the one that is going on.</returns>
    public async Task<(TrainingRun Run, bool Started)> StartAsync(CancellationToken cancellationToken)
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

    /// <summary>Starts a run whose turn it is, unless one is going on.</summary>
    /// <param name="isTurn">Asked when this process has the right to train: only then no other one can be quicker any more.</param>
    /// <param name="cancellationToken">Ends the attempt, not the run.</param>
    public async Task<CurrentRun?> StartTurnAsync(Func<CancellationToken, Task<bool>> isTurn, CancellationToken cancellationToken)
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
                begins = await isTurn(cancellationToken);
            }
            finally
            {
                if (!begins)
                {
                    await heldLock.DisposeAsync();
                }
            }
            return begins ? await BeginAsync(TrainingRunTrigger.Schedule, heldLock) : null;
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Stops the run that goes on in this process, and waits until its end is recorded.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_current is { } current)
        {
            current.Stop(RunEnd.ServiceStopped);
            await current.Cleanup.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // The host's time may have run out while requests drained, and the outcome has to be recorded before the database stops.
            await current.Cleanup.WaitAsync(StopLimit, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => _starting.Dispose();

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
        var current = supervisor.Begin(run, heldLock);
        _current = current;
        return current;
    }
}
