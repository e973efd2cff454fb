using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using RecService.Api.Models;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Training;

/// <summary>Starts runs by the schedule.</summary>
internal sealed class RunScheduler(
    RunStarter starter,
    RunStore runs,
    CutoffReader reader,
    IOptions<TrainingOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<RunScheduler> logger
) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);

    /// <summary>How often a process looks at what the others have recorded while it waits for its turn.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);

    private readonly RunSchedule _schedule = new(options.Value, clock.GetUtcNow());
    private volatile bool _scheduleFails;
    private DateTimeOffset? _lastSkip;
    private StrongBox<DateTimeOffset>? _nextTurn;

    /// <summary>Whether the schedule runs at all.</summary>
    public bool HasSchedule => options.Value.Enabled;

    /// <summary>Whether the schedule could not be followed when this was last tried; it is tried again.</summary>
    public bool ScheduleFails => _scheduleFails;

    /// <summary>When the next run is due, as of a few seconds ago; null while a run goes on, and where the schedule does not run.</summary>
    public DateTimeOffset? NextTurn => Volatile.Read(ref _nextTurn)?.Value;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await starter.StopAsync(cancellationToken);
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
                var begun = wait <= TimeSpan.Zero ? await starter.StartTurnAsync(IsTurnAsync, stopping) : null;
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

    private TimeSpan TimeToNextTurn(IReadOnlyList<TrainingRun> lastRuns)
    {
        var due = lastRuns is [{ Status: TrainingRunStatus.Running }, ..] ? null : _schedule.NextDue(lastRuns, _lastSkip);
        Volatile.Write(ref _nextTurn, due is { } turn ? new StrongBox<DateTimeOffset>(turn) : null);
        return due - clock.GetUtcNow() ?? LookInterval;
    }

    /// <summary>Whether it is still this process's turn, when no other one can begin a run any more, and there is no reason to skip it.</summary>
    private async Task<bool> IsTurnAsync(CancellationToken cancellationToken)
    {
        var lastRuns = await runs.FindLastAsync(2, cancellationToken);
        if (TimeToNextTurn(lastRuns) > TimeSpan.Zero)
        {
            // Another process, whose turn it was as well, has been quicker.
            return false;
        }

        if (await ReasonToSkipAsync(lastRuns, cancellationToken) is { } reason)
        {
            logger.ScheduleSkipped(reason);
            _lastSkip = clock.GetUtcNow();
            return false;
        }

        return true;
    }

    private async Task<string?> ReasonToSkipAsync(IReadOnlyList<TrainingRun> lastRuns, CancellationToken cancellationToken)
    {
        if (!await reader.AnyInteractionAsync(cancellationToken))
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
}
