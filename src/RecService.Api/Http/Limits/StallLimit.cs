using Microsoft.Extensions.Options;

namespace RecService.Api.Http.Limits;

/// <summary>A reader took nothing of an answer for longer than it is waited for.</summary>
internal sealed class StalledReaderException(TimeSpan limit)
    : Exception(FormattableString.Invariant($"The reader took nothing more for {limit.TotalSeconds} seconds."));

/// <summary>
/// Waits for the reader of an export, part by part. The server's own rate, <see cref="RequestLimits"/>, is for readers of small answers: a part of 64
/// KiB may take four minutes by it.
/// </summary>
internal sealed class StallLimit(IOptions<LoadOptions> options)
{
    private readonly TimeSpan _limit = options.Value.Exports.StallTimeout;

    /// <summary>How much is sent at once, in bytes.</summary>
    public const int PartBytes = 64 * 1024;

    public Waiting Begin(CancellationToken cancellationToken) => new(_limit, cancellationToken);

    /// <summary>Sends one part of an answer after the other.</summary>
    internal sealed class Waiting(TimeSpan limit, CancellationToken cancellationToken) : IDisposable
    {
        private readonly CancellationTokenSource _stalled = new();
        private CancellationTokenSource? _limited;

        /// <exception cref="StalledReaderException">The part was not taken in time.</exception>
        public async ValueTask<T> SendAsync<T>(Func<CancellationToken, ValueTask<T>> send)
        {
            _limited ??= CancellationTokenSource.CreateLinkedTokenSource(_stalled.Token, cancellationToken);
            _stalled.CancelAfter(limit);
            try
            {
                return await send(_limited.Token);
            }
            catch (OperationCanceledException) when (_stalled.IsCancellationRequested)
            {
                throw new StalledReaderException(limit);
            }
            finally
            {
                // Until the next part there is nobody to wait for.
                _stalled.CancelAfter(Timeout.InfiniteTimeSpan);
            }
        }

        public void Dispose()
        {
            _limited?.Dispose();
            _stalled.Dispose();
        }
    }
}
