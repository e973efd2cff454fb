using RecService.Api.Models;
using RecService.Api.Storage;

namespace RecService.Api.Publishing;

/// <summary>What became of a request for a model version.</summary>
internal enum ModelAvailability
{
    /// <summary>It can be used.</summary>
    Available,

    /// <summary>No model has been published yet.</summary>
    NoModel,

    /// <summary>There never was such a version.</summary>
    Unknown,

    /// <summary>The version is neither served nor pinned.</summary>
    Gone,
}

/// <summary>Finds the model that a request names: the one that is served, or a pinned one, which is loaded when it is first asked for.</summary>
internal sealed class ModelVersions(ModelStore models, ModelLoader loader, Publisher publisher, ReadCircuitBreaker reads) : IRemembersUsers, IDisposable
{
    /// <summary>Pinned models kept in memory, the ones used last.</summary>
    private const int Capacity = 4;

    private readonly SemaphoreSlim _loading = new(1, 1);
    private readonly LinkedList<LoadedModel> _loaded = [];

    public async Task<(LoadedModel? Model, ModelAvailability Availability)> FindAsync(
        long? version,
        Snapshot snapshot,
        CancellationToken cancellationToken
    )
    {
        if (version is not { } wanted || wanted == snapshot.Model?.Version)
        {
            return (snapshot.Model, snapshot.Model is null ? ModelAvailability.NoModel : ModelAvailability.Available);
        }

        if (await reads.ReadAsync(limited => models.FindAsync(wanted, limited), cancellationToken) is not var (model, isActive))
        {
            return (null, ModelAvailability.Unknown);
        }

        if (isActive)
        {
            // Published a moment ago: a version that the registry calls active must not be called gone.
            await publisher.RefreshAsync(retryRefused: false, cancellationToken);
            if (publisher.Current.Model is { } served && served.Version == wanted)
            {
                return (served, ModelAvailability.Available);
            }
        }
        if (model.PinnedAt is null || model.PrunedAt is not null)
        {
            return (null, ModelAvailability.Gone);
        }

        return (await LoadAsync(wanted, cancellationToken), ModelAvailability.Available);
    }

    /// <summary>Takes users that have been erased out of the models in memory.</summary>
    public async Task ForgetErasedAsync(CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken);
        try
        {
            for (var node = _loaded.First; node is not null; node = node.Next)
            {
                node.Value = await loader.WithoutErasedAsync(node.Value, cancellationToken);
            }
        }
        finally
        {
            _loading.Release();
        }
    }

    public void Dispose() => _loading.Dispose();

    private async Task<LoadedModel> LoadAsync(long version, CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken);
        try
        {
            var found = _loaded.FirstOrDefault(m => m.Version == version);
            if (found is not null)
            {
                _loaded.Remove(found);
            }

            found ??= await loader.LoadAsync(version, cancellationToken);
            _loaded.AddFirst(found);
            if (_loaded.Count > Capacity)
            {
                _loaded.RemoveLast();
            }

            return found;
        }
        finally
        {
            _loading.Release();
        }
    }
}
