using System.Diagnostics.Metrics;

namespace RecService.Client.Sending;

/// <summary>What became of interactions, as numbers of the sender and as metrics of the meter <c>RecService.Client</c>.</summary>
internal sealed class SenderMetrics : IDisposable
{
    private const string MeterName = "RecService.Client";
    private const string Outcome = "outcome";

    private readonly Meter? _own;
    private readonly Counter<long> _interactions;
    private readonly Counter<long> _retries;
    private long _queued;
    private long _accepted;
    private long _duplicates;
    private long _rejected;
    private long _dropped;
    private long _retried;

    public SenderMetrics(IMeterFactory? meters)
    {
        // A factory disposes of what it has made.
        var meter = meters?.Create(MeterName) ?? (_own = new(MeterName));
        _interactions = meter.CreateCounter<long>("recservice.client.interactions", "{interaction}", "Interactions by what became of them.");
        _retries = meter.CreateCounter<long>("recservice.client.retries", "{batch}", "Batches that were sent once more.");
        meter.CreateObservableUpDownCounter("recservice.client.queued", () => Queued, "{interaction}", "Interactions that are not answered yet.");
    }

    public long Queued => Interlocked.Read(ref _queued);

    public long Accepted => Interlocked.Read(ref _accepted);

    public long Duplicates => Interlocked.Read(ref _duplicates);

    public long Rejected => Interlocked.Read(ref _rejected);

    public long Dropped => Interlocked.Read(ref _dropped);

    public long Retries => Interlocked.Read(ref _retried);

    public void Enqueue() => Interlocked.Increment(ref _queued);

    public void Accept(long count) => Finish(ref _accepted, count, "accepted");

    public void FindDuplicates(long count) => Finish(ref _duplicates, count, "duplicate");

    public void Reject(long count) => Finish(ref _rejected, count, "rejected");

    public void Drop(long count) => Finish(ref _dropped, count, "dropped");

    public void Retry()
    {
        Interlocked.Increment(ref _retried);
        _retries.Add(1);
    }

    public void Dispose() => _own?.Dispose();

    private void Finish(ref long number, long count, string outcome)
    {
        if (count > 0)
        {
            Interlocked.Add(ref number, count);
            Interlocked.Add(ref _queued, -count);
            _interactions.Add(count, new KeyValuePair<string, object?>(Outcome, outcome));
        }
    }
}
