namespace RecService.Api.Storage;

/// <summary>
/// Reads that somebody waits for who can do without: none takes longer than <see cref="DatabaseOptions.ScoringTimeout"/>, and while the database is
/// away, all but one a second are refused at once.
/// </summary>
internal sealed class ReadCircuitBreaker(DatabaseConfiguration configuration, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // 0: the database answers.
    private long _nextTry;

    /// <summary>Reads, or throws <see cref="DatabaseAwayException"/>.</summary>
    public async Task<T> ReadAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var nextTry = Volatile.Read(ref _nextTry);
        if (nextTry != 0 && (clock.GetTimestamp() < nextTry || Interlocked.CompareExchange(ref _nextTry, AfterPause(), nextTry) != nextTry))
        {
            throw new DatabaseAwayException();
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(configuration.Options.ScoringTimeout);
        try
        {
            // Not the read's own end, which may wait for a silent server to take note of its cancellation.
            var result = await read(limit.Token).WaitAsync(limit.Token);
            if (nextTry != 0)
            {
                Volatile.Write(ref _nextTry, 0);
            }

            return result;
        }
        catch (Exception exception)
            when (!cancellationToken.IsCancellationRequested && (limit.IsCancellationRequested || DatabaseErrors.IsAway(exception)))
        {
            Volatile.Write(ref _nextTry, AfterPause());
            throw new DatabaseAwayException("The database is away.", exception);
        }
    }

    private long AfterPause() => clock.GetTimestamp() + (long)(Pause.TotalSeconds * clock.TimestampFrequency);
}
