using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Places for what holds a connection for long because a caller asked for it: half of the connections at most, so that the other half is there for
/// requests that are waited for, and for what the process does by itself.
/// </summary>
internal sealed class BulkConnections(DatabaseConfiguration configuration) : IDisposable
{
    // As long as a connection of the pool is waited for.
    private readonly TimeSpan _patience = TimeSpan.FromSeconds(new NpgsqlConnectionStringBuilder(configuration.ConnectionString).Timeout);
    private readonly SemaphoreSlim _places = new(Places(configuration));

    public static int Places(DatabaseConfiguration configuration) =>
        Math.Max(1, new NpgsqlConnectionStringBuilder(configuration.ConnectionString).MaxPoolSize / 2);

    /// <summary>Takes a place until it is disposed of; null when none gets free.</summary>
    public async Task<IDisposable?> EnterAsync(CancellationToken cancellationToken) =>
        await _places.WaitAsync(_patience, cancellationToken) ? new Place(_places) : null;

    public void Dispose() => _places.Dispose();

    private sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }
}
