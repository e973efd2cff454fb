using System.Diagnostics;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Model;

namespace RecService.Api.Publishing;

/// <summary>
/// Keeps the snapshot that requests read up to date. Changes of the catalogue are applied to the one that there is, at the cost of the rows that have changed; for
/// another model a new one is built beside it from the whole catalogue, checked, and put into its place.
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
    /// <summary>Every process serves a model, or an item, within a second of its publication.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Up to so many indices of deleted items are not worth a catalogue without them.</summary>
    private const int FewDeleted = 10_000;

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private readonly SemaphoreSlim _swapping = new(1, 1);
    private volatile Snapshot _current = Snapshot.Empty;
    private CatalogMoment? _moment;
    private long _lastCheck;
    private long? _refusedVersion;

    /// <summary>The snapshot of the moment. Take it once per request.</summary>
    public Snapshot Current => _current;

    /// <summary>The active model, when it is not fit to be served.</summary>
    public long? RefusedVersion => _refusedVersion;

    /// <summary>Whether a first snapshot has been built since the start.</summary>
    public bool IsReady => _moment is not null;

    /// <summary>Brings the snapshot up to date with the store.</summary>
    /// <param name="retryRefused">Gives a refused model another chance.</param>
    /// <param name="cancellationToken">Ends the attempt; the snapshot stays.</param>
    public async Task RefreshAsync(bool retryRefused, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            // After a longer silence the log of changes may have forgotten some.
            var since = clock.GetElapsedTime(_lastCheck) < ChangeLog.Kept / 2 ? _moment : null;
            var (activeVersion, catalogChanged) = await catalogReader.CheckAsync(since, cancellationToken);
            if (!catalogChanged)
            {
                _lastCheck = clock.GetTimestamp();
            }

            if (retryRefused)
            {
                _refusedVersion = null;
            }

            var modelChanged = activeVersion != _current.Model?.Version && activeVersion != _refusedVersion;
            if (modelChanged || since is null || (catalogChanged && !await FollowAsync(cancellationToken)) || MustCompact)
            {
                await BuildAsync(activeVersion, cancellationToken);
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
        await RefreshAsync(retryRefused: true, cancellationToken);
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
            var start = clock.GetTimestamp();
            try
            {
                await signal.WaitAsync(PollInterval, clock, stoppingToken);
                start = clock.GetTimestamp();
                await RefreshAsync(retryRefused: false, stoppingToken);
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
                // What fails after long work must not keep the process busy.
                await Task.Delay(clock.GetElapsedTime(start), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private bool MustCompact => _current.Catalog is { Deleted: > FewDeleted } catalog && catalog.Deleted > catalog.Count / 4;

    private async Task BuildAsync(long? version, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("publish snapshot");
        var start = Stopwatch.GetTimestamp();
        var build = Task.Run(() => ReadAsync(version, cancellationToken), cancellationToken);
        try
        {
            // The one that is served must not fall behind meanwhile.
            while (_moment is not null && await Task.WhenAny(build, Task.Delay(PollInterval, clock, cancellationToken)) != build)
            {
                await TryFollowAsync(cancellationToken);
            }
        }
        finally
        {
            await Task.WhenAny(build);
        }

        var (snapshot, moment) = await build;
        // Up to where the old one is at least.
        var until = await catalogReader.ReadChangesAsync(
            moment,
            changes =>
            {
                snapshot = Apply(snapshot, changes);
                return Task.CompletedTask;
            },
            cancellationToken
        );
        await SwapAsync(snapshot, cancellationToken);
        GoOnFrom(until ?? moment);
        var time = Stopwatch.GetElapsedTime(start);
        metrics.SnapshotPublished(_current.Model?.StoredAt, _current.Items, _current.Model?.Bytes ?? 0, time);
        if (_current.Model is { Version: var served })
        {
            logger.SnapshotPublished(served, _current.Items, time.TotalMilliseconds);
        }
        else
        {
            logger.SnapshotPublished(_current.Items, time.TotalMilliseconds);
        }

        // What the building has left, and the snapshot that was served before.
        WorkMemory.Release();
    }

    /// <summary>Applies what has changed to the snapshot; false when a new one has to be built.</summary>
    private async Task<bool> FollowAsync(CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var (items, users) = (0, 0);
        var until = await catalogReader.ReadChangesAsync(
            _moment!,
            async changes =>
            {
                await SwapAsync(Apply(_current, changes), cancellationToken);
                items += changes.Items.Count + changes.Deleted.Count;
                users += changes.Users.Count;
            },
            cancellationToken
        );
        if (until is not null)
        {
            GoOnFrom(until);
        }

        if (items > 0 || users > 0)
        {
            metrics.SnapshotChanged(_current.Items, _current.Model?.Bytes ?? 0);
            logger.CatalogueFollowed(items, users, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return until is not null;
    }

    /// <summary>What goes wrong while a snapshot is built does not end the building: up to where it is read, and what comes after, is applied in the end.</summary>
    private async Task TryFollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FollowAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            logger.RefreshFailed(exception.Discreet());
        }
    }

    private void GoOnFrom(CatalogMoment moment) => (_moment, _lastCheck) = (moment, clock.GetTimestamp());

    private Snapshot Apply(Snapshot snapshot, CatalogChanges changes)
    {
        var (catalog, indices) = snapshot.Catalog.With(changes.Items, changes.Deleted, changes.Users);
        if (snapshot.Model is not { } served)
        {
            return new(catalog, Model: null);
        }

        var (model, unfit) = served.With(catalog.Count, indices, changes.Features);
        return new(WithoutUnfit(catalog, unfit, model.Version), model);
    }

    private ItemCatalog WithoutUnfit(ItemCatalog catalog, IReadOnlyList<int> unfit, long modelVersion)
    {
        long[] keys = [.. unfit.Select(item => catalog.Items[item].ItemKey)];
        foreach (var key in keys)
        {
            logger.ItemLeftOut(key, modelVersion);
        }

        return keys.Length == 0 ? catalog : catalog.With([], keys, []).Catalog;
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

    private async Task<(Snapshot Snapshot, CatalogMoment Moment)> ReadAsync(long? version, CancellationToken cancellationToken)
    {
        var served = _current.Model;
        if (version is { } wanted && wanted != served?.Version && wanted != _refusedVersion)
        {
            try
            {
                var loaded = await loader.LoadAsync(wanted, cancellationToken);
                var encoder = new ItemEncoder(loaded);
                var (catalog, moment) = await catalogReader.ReadAsync(encoder, cancellationToken);
                var model = RankingModel.PrepareNew(loaded, encoder, catalog);
                _refusedVersion = null;
                return (new(catalog, model), moment);
            }
            catch (Exception exception) when (exception is ModelFormatException or ModelCheckException)
            {
                _refusedVersion = wanted;
                logger.ModelRefused(wanted, served?.Version, exception.Discreet());
            }
        }

        return await ReadAsync(version is null ? null : served, cancellationToken);
    }

    private async Task<(Snapshot Snapshot, CatalogMoment Moment)> ReadAsync(RankingModel? served, CancellationToken cancellationToken)
    {
        var encoder = served is null ? null : new ItemEncoder(served);
        var (catalog, moment) = await catalogReader.ReadAsync(encoder, cancellationToken);
        if (served is null || encoder is null)
        {
            return (new(catalog, Model: null), moment);
        }

        var (model, unfit) = RankingModel.Prepare(served, encoder, catalog);
        return (new(WithoutUnfit(catalog, unfit, model.Version), model), moment);
    }
}
