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

    /// <summary>What several reads may take together that are as large as those of many requests.</summary>
    public SharedReadTime ShareTime() => new(configuration.Options.ScoringTimeout);

    /// <summary>Reads, or throws <see cref="DatabaseAwayException"/>.</summary>
    /// <param name="read">The read.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="shared">What it may take with others; all of the time for a read by itself when absent.</param>
    public async Task<T> ReadAsync<T>(
        Func<CancellationToken, Task<T>> read,
        CancellationToken cancellationToken,
        SharedReadTime? shared = null
    )
    {
        if (shared is { Left.Ticks: <= 0 })
        {
            throw new DatabaseAwayException();
        }

        var nextTry = Volatile.Read(ref _nextTry);
        if (nextTry != 0 && (clock.GetTimestamp() < nextTry || Interlocked.CompareExchange(ref _nextTry, AfterPause(), nextTry) != nextTry))
        {
            throw new DatabaseAwayException();
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(shared?.Left ?? configuration.Options.ScoringTimeout);
        var start = clock.GetTimestamp();
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
            // That a large read takes too long says nothing of the others.
            if (shared is null || !limit.IsCancellationRequested)
            {
                Volatile.Write(ref _nextTry, AfterPause());
            }

            throw new DatabaseAwayException("The database is away.", exception);
        }
        finally
        {
            if (shared is not null)
            {
                shared.Left -= clock.GetElapsedTime(start);
            }
        }
    }

    private long AfterPause() => clock.GetTimestamp() + (long)(Pause.TotalSeconds * clock.TimestampFrequency);
}

/// <summary>The time that several reads of one request have between them; what is done between the reads does not count.</summary>
internal sealed class SharedReadTime(TimeSpan time)
{
    public TimeSpan Left { get; set; } = time;
}
