using System.Runtime.CompilerServices;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>
/// Follows the records of runs, so that any process can show a run that another one executes. However many watch a run, this process reads it once at
/// a time.
/// </summary>
internal sealed class RunWatch(RunStore runs, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<long, Feed> _feeds = [];

    /// <summary>The run as it is, and after each change, up to its end; nothing when there is no such run. Ends with the service, too.</summary>
    public async IAsyncEnumerable<TrainingRunResponse> FollowAsync(long runId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var feed = Join(runId);
        try
        {
            var next = feed.Newest;
            while (await next.WaitAsync(cancellationToken) is var (run, later))
            {
                yield return run;
                next = later;
            }
        }
        finally
        {
            Leave(runId, feed);
        }
    }

    private Feed Join(long runId)
    {
        lock (_feeds)
        {
            if (!_feeds.TryGetValue(runId, out var feed))
            {
                feed = new();
                _feeds.Add(runId, feed);
                _ = FollowAsync(runId, feed);
            }

            feed.Watchers++;
            return feed;
        }
    }

    private void Leave(long runId, Feed feed)
    {
        lock (_feeds)
        {
            if (--feed.Watchers == 0)
            {
                Remove(runId, feed);
            }
        }
    }

    // Whoever comes later begins anew, at what is stored then.
    private void Remove(long runId, Feed feed)
    {
        if (_feeds.GetValueOrDefault(runId) == feed)
        {
            _feeds.Remove(runId);
        }
    }

    /// <summary>Reads the run for as long as somebody watches it; what fails, fails for all who do.</summary>
    private async Task FollowAsync(long runId, Feed feed)
    {
        await Task.Yield();
        try
        {
            using var timer = new PeriodicTimer(Interval, clock);
            TrainingRun? shown = null;
            // A watcher must not hold up the end of the service.
            while (IsWatched(feed) && await runs.FindAsync(runId, lifetime.ApplicationStopping) is { } record)
            {
                if (shown is null || record.Status != shown.Status || !string.Equals(record.Epochs, shown.Epochs, StringComparison.Ordinal))
                {
                    feed.Publish(TrainingRunResponse.From(record), isLast: record.Status != TrainingRunStatus.Running);
                    shown = record;
                }

                if (record.Status != TrainingRunStatus.Running)
                {
                    return;
                }

                await timer.WaitForNextTickAsync(lifetime.ApplicationStopping);
            }

            feed.End();
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            feed.End();
        }
        catch (Exception exception)
        {
            feed.Fail(exception);
        }
        finally
        {
            lock (_feeds)
            {
                Remove(runId, feed);
            }
        }
    }

    private bool IsWatched(Feed feed)
    {
        lock (_feeds)
        {
            return feed.Watchers > 0;
        }
    }

    /// <summary>The states of one run, each with the way to the next.</summary>
    private sealed class Feed
    {
        private TaskCompletionSource<State?> _next = New();

        public Feed() => Newest = _next.Task;

        public int Watchers { get; set; }

        /// <summary>The state that is known last, or the first one when it is known.</summary>
        public Task<State?> Newest { get; private set; }

        public void Publish(TrainingRunResponse run, bool isLast)
        {
            var former = _next;
            _next = New();
            if (isLast)
            {
                End();
            }

            Newest = former.Task;
            former.SetResult(new(run, _next.Task));
        }

        public void End() => _next.SetResult(null);

        public void Fail(Exception exception)
        {
            _next.SetException(exception);
            // Nobody may be left to see it.
            _ = _next.Task.Exception;
        }

        private static TaskCompletionSource<State?> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed record State(TrainingRunResponse Run, Task<State?> Next);
}
