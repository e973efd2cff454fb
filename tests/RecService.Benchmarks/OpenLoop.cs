using System.Collections.Concurrent;
using System.Diagnostics;

namespace RecService.Benchmarks;

/// <summary>A kind of request that is sent again and again.</summary>
/// <param name="Name">What is done.</param>
/// <param name="PerSecond">How often.</param>
/// <param name="Request">Makes the n-th request.</param>
/// <param name="Interactions">How many interactions a successful request leaves in the store.</param>
/// <param name="After">When it begins.</param>
internal sealed record Operation(string Name, double PerSecond, Func<int, HttpRequestMessage> Request, int Interactions = 0, TimeSpan After = default)
{
    public TimeSpan Due(int number) => After + TimeSpan.FromSeconds(number / PerSecond);
}

/// <summary>What came of a request.</summary>
/// <param name="Operation">Its kind.</param>
/// <param name="Due">When it was to be sent.</param>
/// <param name="Latency">From then to the end of the answer.</param>
/// <param name="Error">Null for a success.</param>
internal readonly record struct Outcome(Operation Operation, DateTimeOffset Due, TimeSpan Latency, string? Error);

/// <summary>Sends requests when they are due, however long the answers to those before take, and keeps count.</summary>
internal sealed class OpenLoop(HttpClient client, Operation[] operations)
{
    private const int MostNotes = 5;

    private readonly ConcurrentDictionary<string, int> _succeeded = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Outcome> _outcomes = [];
    private long _acknowledged;

    public int Sent { get; private set; }

    /// <summary>How many interactions successful requests have left in the store.</summary>
    public long Acknowledged => _acknowledged;

    /// <summary>How often a kind of request failed in which way.</summary>
    public ConcurrentDictionary<string, int> Errors { get; } = new(StringComparer.Ordinal);

    /// <summary>The first errors in full.</summary>
    public ConcurrentQueue<string> Notes { get; } = [];

    public int Succeeded(string name) => _succeeded.GetValueOrDefault(name);

    /// <summary>Ends when the last request is answered.</summary>
    public Task StartAsync(TimeSpan duration)
    {
        var ended = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);

        // A thread of its own, as those of the pool may all be busy when a request is due.
        new Thread(() => ended.SetResult(Send(duration))) { IsBackground = true }.Start();
        return ended.Task.Unwrap();
    }

    /// <summary>What came of requests since the last call.</summary>
    public List<Outcome> TakeOutcomes()
    {
        var taken = new List<Outcome>();
        while (_outcomes.TryDequeue(out var outcome))
        {
            taken.Add(outcome);
        }

        return taken;
    }

    private Task Send(TimeSpan duration)
    {
        var schedule = new PriorityQueue<(Operation Operation, int Number), TimeSpan>(
            operations.Select(operation => ((operation, 0), operation.Due(0)))
        );
        var pending = new List<Task>();
        var start = Stopwatch.GetTimestamp();
        var startTime = DateTimeOffset.UtcNow;
        while (schedule.TryDequeue(out var next, out var due) && due < duration)
        {
            if (due - Stopwatch.GetElapsedTime(start) is var wait && wait > TimeSpan.Zero)
            {
                Thread.Sleep(wait);
            }

            if (Sent++ % 1000 == 0)
            {
                pending.RemoveAll(task => task.IsCompletedSuccessfully);
            }

            pending.Add(SendAsync(next.Operation, next.Number, startTime + due, start, due));
            schedule.Enqueue((next.Operation, next.Number + 1), next.Operation.Due(next.Number + 1));
        }

        return Task.WhenAll(pending);
    }

    private async Task SendAsync(Operation operation, int number, DateTimeOffset dueTime, long start, TimeSpan due)
    {
        string? error = null;
        try
        {
            using var request = operation.Request(number);
            using var answer = await client.SendAsync(request);
            if (answer.IsSuccessStatusCode)
            {
                Interlocked.Add(ref _acknowledged, operation.Interactions);
                _succeeded.AddOrUpdate(operation.Name, 1, (_, count) => count + 1);
            }
            else
            {
                error = $"{operation.Name}: {(int)answer.StatusCode}";
                Note($"{error} {await answer.Content.ReadAsStringAsync()}");
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            error = $"{operation.Name}: {exception.GetType().Name}";
            Note($"{error} {exception.Message}");
        }

        if (error is not null)
        {
            Errors.AddOrUpdate(error, 1, (_, count) => count + 1);
        }

        _outcomes.Enqueue(new(operation, dueTime, Stopwatch.GetElapsedTime(start) - due, error));
    }

    private void Note(string error)
    {
        if (Notes.Count < MostNotes)
        {
            Notes.Enqueue(error);
        }
    }
}
