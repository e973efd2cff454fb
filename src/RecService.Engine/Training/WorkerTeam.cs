using System.Runtime.ExceptionServices;

namespace RecService.Engine.Training;

/// <summary>Threads that do the same work side by side, again and again; the calling thread is the first of them.</summary>
internal sealed class WorkerTeam : IDisposable
{
    private readonly Thread[] _others;
    private readonly Barrier _start;
    private readonly Barrier _end;
    private readonly Exception?[] _errors;
    private Action<int>? _work;

    public WorkerTeam(int size)
    {
        Size = size;
        _start = new(size);
        _end = new(size);
        _errors = new Exception?[size];
        _others = [.. Enumerable.Range(1, size - 1).Select(member => new Thread(() => Serve(member)) { IsBackground = true, Name = $"Training {member}" })];
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
        _work = work;
        _start.SignalAndWait();
        Do(0);
        _end.SignalAndWait();
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
        _work = null;
        _start.SignalAndWait();
        foreach (var thread in _others)
        {
            thread.Join();
        }

        _start.Dispose();
        _end.Dispose();
    }

    private void Serve(int member)
    {
        while (true)
        {
            _start.SignalAndWait();
            if (_work is null)
            {
                return;
            }

            Do(member);
            _end.SignalAndWait();
        }
    }

    private void Do(int member)
    {
        try
        {
            _work!(member);
        }
        catch (Exception e)
        {
            _errors[member] = e;
        }
    }
}

/// <summary>A meeting point of threads that is passed every few microseconds, so that they wait by spinning before they yield.</summary>
internal sealed class SpinBarrier(int size)
{
    private int _arrived;
    private int _round;

    public void Wait()
    {
        if (size == 1)
        {
            return;
        }

        var round = Volatile.Read(ref _round);
        if (Interlocked.Increment(ref _arrived) == size)
        {
            _arrived = 0;
            Volatile.Write(ref _round, round + 1);
            return;
        }

        for (var spins = 0; Volatile.Read(ref _round) == round; spins++)
        {
            if (spins < 2_000)
            {
                Thread.SpinWait(1);
            }
            else
            {
                Thread.Yield();
            }
        }
    }
}
