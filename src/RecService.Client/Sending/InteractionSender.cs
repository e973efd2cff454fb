using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace RecService.Client.Sending;

/// <summary>
/// Sends interactions in the background, in batches and in the order in which they came. A batch keeps its key until the service has answered, so that each
/// interaction is stored once, also when an answer is lost; while the service is away, it is sent again and again.
/// </summary>
public sealed class InteractionSender : IAsyncDisposable
{
    private readonly Channel<Entry> _queue;
    private readonly BatchDelivery _delivery;
    private readonly SenderMetrics _metrics;
    private readonly InteractionSenderOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _givenUp = new();
    private readonly Task _sending;

    /// <summary>Makes a sender that its maker stops; <c>AddInteractionSender</c> makes one that the application's host does.</summary>
    /// <param name="client">Sends the batches.</param>
    /// <param name="options">How interactions are gathered and sent; by default as they are.</param>
    /// <param name="logger">Is told of what is not taken.</param>
    /// <param name="meters">Makes the meter <c>RecService.Client</c>.</param>
    /// <param name="clock">The time.</param>
    public InteractionSender(
        IRecServiceClient client,
        InteractionSenderOptions? options = null,
        ILogger<InteractionSender>? logger = null,
        IMeterFactory? meters = null,
        TimeProvider? clock = null
    )
    {
        _options = options ?? new();
        _metrics = new(meters);
        _logger = logger ?? (ILogger)NullLogger.Instance;
        _clock = clock ?? TimeProvider.System;
        _delivery = new(client, _options, _metrics, _logger, _clock);
        _queue = Channel.CreateBounded<Entry>(new BoundedChannelOptions(_options.Capacity) { SingleReader = true });
        _sending = Task.Run(SendAllAsync);
    }

    /// <summary>How many interactions are not answered yet.</summary>
    public long Queued => _metrics.Queued;

    /// <summary>How many the service has stored.</summary>
    public long Accepted => _metrics.Accepted;

    /// <summary>How many it had stored before, under the same <c>interactionId</c>.</summary>
    public long Duplicates => _metrics.Duplicates;

    /// <summary>How many it does not take.</summary>
    public long Rejected => _metrics.Rejected;

    /// <summary>How many found no room or had not been answered when the sender was stopped.</summary>
    public long Dropped => _metrics.Dropped;

    /// <summary>How often a batch was sent once more.</summary>
    public long Retries => _metrics.Retries;

    /// <summary>Queues an interaction. One without a time gets that of this moment.</summary>
    /// <param name="interaction">The interaction.</param>
    /// <param name="cancellationToken">Ends the waiting for room.</param>
    /// <returns>Whether it will be sent; false when it was dropped.</returns>
    public async ValueTask<bool> SendAsync(InteractionInput interaction, CancellationToken cancellationToken = default)
    {
        if (_options.WhenFull is WhenFull.Drop)
        {
            return TrySend(interaction);
        }

        var entry = Timed(interaction);
        _metrics.Enqueue();
        try
        {
            await _queue.Writer.WriteAsync(entry, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ChannelClosedException)
        {
            _metrics.Drop(1);
            return false;
        }
        catch (OperationCanceledException)
        {
            _metrics.Drop(1);
            throw;
        }
    }

    /// <summary>Queues an interaction if there is room, and never waits.</summary>
    /// <param name="interaction">The interaction.</param>
    /// <returns>Whether it will be sent; false when it was dropped.</returns>
    public bool TrySend(InteractionInput interaction)
    {
        var entry = Timed(interaction);
        _metrics.Enqueue();
        var isQueued = _queue.Writer.TryWrite(entry);
        if (!isQueued)
        {
            _metrics.Drop(1);
        }

        return isQueued;
    }

    /// <summary>Sends what is queued without waiting for more; returns when each interaction queued before has been answered.</summary>
    /// <param name="cancellationToken">Ends the waiting, not the sending.</param>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _queue.Writer.WriteAsync(new(null, flushed), cancellationToken).ConfigureAwait(false);
            await flushed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes no more, and sends what is queued.</summary>
    /// <param name="cancellationToken">When to give up what has not been answered; it is counted as dropped, and may have been stored.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        _queue.Writer.TryComplete();
        await using (cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _givenUp).ConfigureAwait(false))
        {
            await _sending.ConfigureAwait(false);
        }
    }

    /// <summary>Stops, and sends what is queued for as long as the options allow.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(_options.FlushTimeout, _clock);
        await StopAsync(limit.Token).ConfigureAwait(false);
        _metrics.Dispose();
        _givenUp.Dispose();
    }

    private Entry Timed(InteractionInput interaction)
    {
        ArgumentNullException.ThrowIfNull(interaction);
        return new(interaction.OccurredAt is null ? interaction with { OccurredAt = _clock.GetUtcNow() } : interaction, null);
    }

    private async Task SendAllAsync()
    {
        var batch = new List<InteractionInput>(_options.BatchSize);
        var reported = 0L;
        while (await _queue.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var flushed = await GatherAsync(batch).ConfigureAwait(false);
            await _delivery.SendAsync(batch, _givenUp.Token).ConfigureAwait(false);
            batch.Clear();
            flushed?.TrySetResult();
            if (Dropped > reported)
            {
                SenderLog.Dropped(_logger, Dropped - reported, Dropped);
                reported = Dropped;
            }
        }
    }

    /// <summary>Takes interactions from the queue until there are enough, the first has waited long enough, or somebody wants them sent.</summary>
    private async Task<TaskCompletionSource?> GatherAsync(List<InteractionInput> batch)
    {
        using var waited = new CancellationTokenSource(_options.Delay, _clock);
        try
        {
            while (batch.Count < _options.BatchSize)
            {
                if (!_queue.Reader.TryRead(out var entry))
                {
                    entry = await _queue.Reader.ReadAsync(waited.Token).ConfigureAwait(false);
                }

                if (entry.Interaction is null)
                {
                    return entry.Flushed;
                }

                batch.Add(entry.Interaction);
            }
        }
        catch (Exception end) when (end is OperationCanceledException or ChannelClosedException)
        {
            // Time is up, or there will be no more.
        }

        return null;
    }

    /// <summary>An interaction, or somebody who waits until those before have been answered.</summary>
    private readonly record struct Entry(InteractionInput? Interaction, TaskCompletionSource? Flushed);
}
