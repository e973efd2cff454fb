using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>A run that goes on in this process.</summary>
internal sealed class CurrentRun(TrainingRun run, CancellationTokenSource stopping)
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
