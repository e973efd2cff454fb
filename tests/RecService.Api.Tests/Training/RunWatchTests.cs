using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

/// <summary>Those who watch a run, and what it costs that they do.</summary>
public sealed class RunWatchTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly FakeTimeProvider _clock = new();
    private readonly CountingContexts _contexts = new(service.Factory.Services.GetRequiredService<IDbContextFactory<RecServiceDbContext>>());

    [Fact]
    public async Task However_many_watch_a_run_it_is_read_once_at_a_time()
    {
        var runId = await BeginRunAsync();
        var watch = Watch();
        var watchers = Enumerable.Range(0, 50).Select(_ => watch.FollowAsync(runId, CancellationToken.None).GetAsyncEnumerator()).ToList();
        (await Task.WhenAll(watchers.Select(watcher => watcher.MoveNextAsync().AsTask()))).ShouldAllBe(hasRun => hasRun);

        var next = watchers.Select(watcher => watcher.MoveNextAsync().AsTask()).ToList();
        const int looks = 5;
        for (var look = 0; look < looks; look++)
        {
            var seen = _contexts.Count;
            while (_contexts.Count == seen)
            {
                _clock.Advance(Interval);
                await Task.Delay(1, TestContext.Current.CancellationToken);
            }
        }

        await EndRunAsync(runId);
        while (!next.TrueForAll(task => task.IsCompleted))
        {
            _clock.Advance(Interval);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        watchers.ShouldAllBe(watcher => watcher.Current.Status == "failed");
        (await Task.WhenAll(watchers.Select(watcher => watcher.MoveNextAsync().AsTask()))).ShouldAllBe(hasMore => !hasMore);
        // Each turn of the clock may have been a look; fifty watchers would have looked fifty times as often.
        _contexts.AtOnce.ShouldBe(1);
    }

    [Fact]
    public async Task Nobody_who_watches_is_nothing_that_is_read_and_who_comes_later_sees_what_is_there()
    {
        var runId = await BeginRunAsync();
        var watch = Watch();
        await using (var first = watch.FollowAsync(runId, CancellationToken.None).GetAsyncEnumerator())
        {
            (await first.MoveNextAsync()).ShouldBeTrue();
        }

        await EndRunAsync(runId);
        var states = new List<TrainingRunResponse>();
        await foreach (var state in watch.FollowAsync(runId, CancellationToken.None))
        {
            states.Add(state);
        }

        states.ShouldHaveSingleItem().Status.ShouldBe("failed");
        var last = _contexts.Count;
        _clock.Advance(Interval * 10);
        await Task.Delay(100, TestContext.Current.CancellationToken);
        _contexts.Count.ShouldBe(last);
    }

    [Fact]
    public async Task What_fails_fails_for_all_and_who_comes_later_is_not_concerned()
    {
        var runId = await BeginRunAsync();
        var watch = Watch();
        _contexts.Fails = true;
        await Should.ThrowAsync<TimeoutException>(async () =>
            await watch.FollowAsync(runId, CancellationToken.None).GetAsyncEnumerator().MoveNextAsync()
        );

        _contexts.Fails = false;
        await using var later = watch.FollowAsync(runId, CancellationToken.None).GetAsyncEnumerator();
        (await later.MoveNextAsync()).ShouldBeTrue();
    }

    private RunWatch Watch() =>
        new(
            new RunStore(_contexts, service.Database, TimeProvider.System, NullLogger<RunStore>.Instance),
            service.Factory.Services.GetRequiredService<IHostApplicationLifetime>(),
            _clock
        );

    private Task<long> BeginRunAsync() =>
        service.ScalarAsync<long>(
            """
            INSERT INTO training_runs (status, trigger, objective, started_at, seed, settings, epochs)
            VALUES ('running', 'demand', 'rating', now(), 1, '{}', '[]') RETURNING run_id
            """
        );

    private Task<long> EndRunAsync(long runId) =>
        service.ScalarAsync<long>(
            "UPDATE training_runs SET status = 'failed', finished_at = now(), error = 'x' WHERE run_id = $1 RETURNING run_id",
            runId
        );

    /// <summary>Counts those who ask for the record, and how many of them are there at a time.</summary>
    private sealed class CountingContexts(IDbContextFactory<RecServiceDbContext> contexts) : IDbContextFactory<RecServiceDbContext>
    {
        private int _count;
        private int _now;

        public int Count => Volatile.Read(ref _count);

        public int AtOnce { get; private set; }

        public bool Fails { get; set; }

        public RecServiceDbContext CreateDbContext() => throw new NotSupportedException();

        public async Task<RecServiceDbContext> CreateDbContextAsync(CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _count);
            if (Fails)
            {
                throw new TimeoutException();
            }

            AtOnce = Math.Max(AtOnce, Interlocked.Increment(ref _now));
            await Task.Delay(20, cancellationToken);
            Interlocked.Decrement(ref _now);
            return await contexts.CreateDbContextAsync(cancellationToken);
        }
    }
}
