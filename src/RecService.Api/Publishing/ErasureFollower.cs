using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Publishing;

/// <summary>Takes erased users out of what is in memory, such as models, in whichever replica they were erased, and confirms it.</summary>
internal sealed partial class ErasureFollower(
    NpgsqlDataSource database,
    IEnumerable<IRemembersUsers> memories,
    ReplicaRegistry replicas,
    TimeProvider clock,
    ILogger<ErasureFollower> logger
) : BackgroundService
{
    /// <summary>Far below the second that a receipt waits, as models of many users take part of it.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private long? _confirmed;
    private long _lastBeat;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await replicas.LeaveAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or OperationCanceledException or ObjectDisposedException)
        {
            // A replica that says nothing any more is soon not waited for; one whose start failed has no store to say it to.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stoppingToken);
                failing = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Once for each time that the store is away.
                if (!failing)
                {
                    LogFollowFailed(exception.Discreet());
                }

                failing = true;
            }

            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        long horizon;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
        {
            horizon = await Erasures.HorizonAsync(connection, cancellationToken);
        }

        var news = horizon != _confirmed;
        if (news)
        {
            foreach (var memory in memories)
            {
                await memory.ForgetErasedAsync(cancellationToken);
            }
        }

        if (news || clock.GetElapsedTime(_lastBeat) >= ReplicaRegistry.Heartbeat)
        {
            await replicas.BeatAsync(horizon, cancellationToken);
            (_confirmed, _lastBeat) = (horizon, clock.GetTimestamp());
        }
    }

    [LoggerMessage(EventId = 3004, Level = LogLevel.Warning, Message = "Erasures cannot be followed; it is tried again")]
    private partial void LogFollowFailed(Exception exception);
}
