using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace RecService.Engine.Training.Threads;

/// <summary>
/// Threads that do the same work side by side, again and again; the calling thread is the first of them. Between two pieces of work they spin for a
/// moment before
/// they sleep: passes follow each other closely, and the scheduler tends to wake a sleeper on the core of the thread that wakes it, where both then
/// stay.
/// </summary>
internal sealed class WorkerTeam : IDisposable
{
    private static readonly long SpinTicks = Stopwatch.Frequency / 1_000;

    private readonly Thread[] _others;
    private readonly Exception?[] _errors;
    private readonly Action<int>? _started;
    private readonly object _gate = new();
    private Action<int>? _work;
    private int _round;
    private int _busy;

    /// <param name="size">Number of threads.</param>
    /// <param name="started">Called on each thread with its number before its first work.</param>
    public WorkerTeam(int size, Action<int>? started = null)
    {
        Size = size;
        _started = started;
        started?.Invoke(0);
        _errors = new Exception?[size];
        // Whoever made training give way to other work did not mean one of its threads only.
        var priority = Thread.CurrentThread.Priority;
        _others =
        [
            .. Enumerable
                .Range(1, size - 1)
                .Select(member => new Thread(() => Serve(member))
                {
                    IsBackground = true,
                    Name = $"Training {member}",
                    Priority = priority,
                }),
        ];
        foreach (var thread in _others)
        {
            thread.Start();
        }
    }

    /// <summary>Number of threads.</summary>
    public int Size { get; }

    /// <summary>Has every thread do the work, each with its own number, and waits for all. What one of them throws is thrown here.</summary>
    public void Run(Action<int> work)
    {
        Start(work);
        Do(0, work);
        Await(static (team, _) => Volatile.Read(ref team._busy) == 0, 0);
        for (var member = 0; member < Size; member++)
        {
            if (_errors[member] is { } error)
            {
                Array.Clear(_errors);
                ExceptionDispatchInfo.Throw(error);
            }
        }
    }

    public void Dispose()
    {
        Start(null);
        foreach (var thread in _others)
        {
            thread.Join();
        }
    }

    private void Start(Action<int>? work)
    {
        lock (_gate)
        {
            _work = work;
            _busy = Size - 1;
            _round++;
            Monitor.PulseAll(_gate);
        }
    }

    private void Serve(int member)
    {
        _started?.Invoke(member);
        for (var round = 1; ; round++)
        {
            Await(static (team, awaited) => Volatile.Read(ref team._round) >= awaited, round);
            if (_work is not { } work)
            {
                return;
            }

            Do(member, work);
            lock (_gate)
            {
                if (--_busy == 0)
                {
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    private void Do(int member, Action<int> work)
    {
        try
        {
            work(member);
        }
        catch (Exception e)
        {
            _errors[member] = e;
        }
    }

    private void Await(Func<WorkerTeam, int, bool> condition, int argument)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetTimestamp() - start < SpinTicks)
        {
            if (condition(this, argument))
            {
                return;
            }

            Thread.SpinWait(8);
        }

        lock (_gate)
        {
            while (!condition(this, argument))
            {
                Monitor.Wait(_gate);
            }
        }
    }
}
