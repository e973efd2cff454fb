namespace RecService.Engine.Training.Threads;

/// <summary>A meeting point of threads that is passed every few microseconds, so that they wait by spinning before they yield.</summary>
internal sealed class SpinBarrier(int size)
{
    /// <summary>With more threads than processors, the one that is waited for may need this one's processor.</summary>
    private readonly int _spins = size > Environment.ProcessorCount ? 0 : 1_000;
    private int _arrived;
    private int _round;
    private bool _isBroken;

    /// <summary>Number of threads.</summary>
    public int Size => size;

    /// <summary>Lets everyone who waits or comes go: someone will never come.</summary>
    public void Break() => Volatile.Write(ref _isBroken, true);

    /// <summary>Waits for all; false when that is in vain.</summary>
    public bool Wait()
    {
        if (size == 1)
        {
            return true;
        }

        var round = Volatile.Read(ref _round);
        if (Interlocked.Increment(ref _arrived) == size)
        {
            _arrived = 0;
            Volatile.Write(ref _round, round + 1);
            return true;
        }

        for (var spins = 0; Volatile.Read(ref _round) == round; spins++)
        {
            if (Volatile.Read(ref _isBroken))
            {
                return false;
            }

            if (spins < _spins)
            {
                Thread.SpinWait(1);
            }
            else
            {
                Thread.Yield();
            }
        }

        return true;
    }
}
