using System.Diagnostics;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Model;

namespace RecService.Api.Publishing;

/// <summary>
/// Keeps the snapshot that requests read: follows the active model and the catalogue, builds a new snapshot beside the old one, checks it, swaps it.
/// </summary>
internal sealed class Publisher(
    CatalogReader catalogReader,
    ModelLoader loader,
    ActiveModelSignal signal,
    ServiceMetrics metrics,
    TimeProvider clock,
    ILogger<Publisher> logger
) : BackgroundService, IRemembersUsers
{
    /// <summary>Every process serves a model within a second of its publication.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Rebuilding for a changed catalogue takes at most one part in so many of the time.</summary>
    private const int RebuildShare = 20;

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private readonly SemaphoreSlim _swapping = new(1, 1);
    private volatile Snapshot _current = Snapshot.Empty;
    private string? _databaseSnapshot;
    private TimeSpan _lastBuildTime;
    private long _lastBuildEnd;
    private long _lastCheck;
    private long? _refusedVersion;

    /// <summary>The snapshot of the moment. Take it once per request.</summary>
    public Snapshot Current => _current;

    /// <summary>The active model, when it is not fit to be served.</summary>
    public long? RefusedVersion => _refusedVersion;

    /// <summary>Whether a first snapshot has been built since the start.</summary>
    public bool IsReady => _databaseSnapshot is not null;

    /// <summary>Brings the snapshot up to date with the store.</summary>
    /// <param name="evenIfRecent">Also rebuilds for a changed catalogue when the last build was a short while ago, and gives a refused model another
    /// chance.</param>
    /// <param name="cancellationToken">Ends the attempt; the snapshot stays.</param>
    public async Task RefreshAsync(bool evenIfRecent, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            // After a longer silence the log of changes may have forgotten some.
            var remembered = clock.GetElapsedTime(_lastCheck) < ChangeLog.Kept / 2 ? _databaseSnapshot : null;
            var (activeVersion, itemsChanged, countDue) = await catalogReader.CheckAsync(remembered, evenIfRecent, cancellationToken);
            _lastCheck = clock.GetTimestamp();
            if (evenIfRecent)
            {
                _refusedVersion = null;
            }

            var rested = evenIfRecent || _databaseSnapshot is null || clock.GetElapsedTime(_lastBuildEnd) >= _lastBuildTime * RebuildShare;
            var modelChanged = activeVersion != _current.Model?.Version && activeVersion != _refusedVersion;
            if (modelChanged || ((itemsChanged || countDue) && rested))
            {
                await BuildAsync(activeVersion, countDue, cancellationToken);
            }
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>Takes users that have been erased out of the snapshot, also while another one is being built.</summary>
    public Task ForgetErasedAsync(CancellationToken cancellationToken) => SwapAsync(next: null, cancellationToken);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // The first failure is fatal: a service that cannot read its store or its model must not report itself as started.
        await RefreshAsync(evenIfRecent: true, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _refreshing.Dispose();
        _swapping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await signal.WaitAsync(PollInterval, clock, stoppingToken);
                await RefreshAsync(evenIfRecent: false, stoppingToken);
                failing = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Once for each time that the store is away, not four times a second.
                if (!failing)
                {
                    logger.RefreshFailed(exception.Discreet());
                }

                failing = true;
            }
        }
    }

    private async Task BuildAsync(long? version, bool count, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("publish snapshot");
        var start = Stopwatch.GetTimestamp();
        try
        {
            var state = await catalogReader.ReadAsync(count, cancellationToken);
            await SwapAsync(new(state.Catalog, await ModelForAsync(version, state, cancellationToken)), cancellationToken);
            _databaseSnapshot = state.DatabaseSnapshot;
        }
        finally
        {
            // A build that fails must not be tried more often than one that succeeds.
            _lastBuildTime = Stopwatch.GetElapsedTime(start);
            _lastBuildEnd = clock.GetTimestamp();
        }
        metrics.SnapshotPublished(_current.Model?.StoredAt, _current.Catalog.Count, _current.Model?.Bytes ?? 0, _lastBuildTime);
        if (_current.Model is { Version: var served })
        {
            logger.SnapshotPublished(served, _current.Catalog.Count, _lastBuildTime.TotalMilliseconds);
        }
        else
        {
            logger.SnapshotPublished(_current.Catalog.Count, _lastBuildTime.TotalMilliseconds);
        }
    }

    /// <summary>
    /// Puts a snapshot, or the one that is there, in the place of the one that is there, without users that were erased while it was built.
    /// </summary>
    private async Task SwapAsync(Snapshot? next, CancellationToken cancellationToken)
    {
        await _swapping.WaitAsync(cancellationToken);
        try
        {
            next ??= _current;
            _current = next.Model is null ? next : next with { Model = await loader.WithoutErasedAsync(next.Model, cancellationToken) };
        }
        finally
        {
            _swapping.Release();
        }
    }

    private async Task<RankingModel?> ModelForAsync(long? version, CatalogState state, CancellationToken cancellationToken)
    {
        if (version is not { } wanted)
        {
            return null;
        }

        var served = _current.Model;
        if (wanted != served?.Version && wanted != _refusedVersion)
        {
            try
            {
                var loaded = RankingModel.Prepare(await loader.LoadAsync(wanted, cancellationToken), state);
                _refusedVersion = null;
                return loaded;
            }
            catch (Exception exception) when (exception is ModelFormatException or ModelCheckException)
            {
                _refusedVersion = wanted;
                logger.ModelRefused(wanted, served?.Version, exception.Discreet());
            }
        }
        return served is null ? null : RankingModel.Prepare(served, state);
    }
}
