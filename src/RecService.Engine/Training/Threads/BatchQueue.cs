using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Threads;

/// <summary>Some of the examples, in the order of reading.</summary>
internal readonly record struct BatchRange(int From, int Count);

/// <summary>Hands out the batches of a pass to threads, each batch once.</summary>
internal abstract class BatchQueue
{
    /// <summary>The batches.</summary>
    public abstract BatchRange[] Batches { get; }

    /// <summary>Begins a pass.</summary>
    /// <param name="random">Draws the order of the batches; null for their own.</param>
    public abstract void Restart(RandomSource? random);

    /// <summary>The next batch of a thread, or −1.</summary>
    public abstract int Next(int thread);

    /// <summary>Ends the pass: whoever asks, or waits, gets no further batch.</summary>
    public abstract void Stop();
}

/// <summary>Any thread may have any batch.</summary>
internal sealed class SharedQueue : BatchQueue
{
    private readonly int[] _order;
    private int _taken;

    public SharedQueue(int examples, int batchExamples)
    {
        Batches =
        [
            .. Enumerable
                .Range(0, (examples + batchExamples - 1) / batchExamples)
                .Select(n => new BatchRange(n * batchExamples, Math.Min(batchExamples, examples - (n * batchExamples)))),
        ];
        _order = [.. Enumerable.Range(0, Batches.Length)];
    }

    public override BatchRange[] Batches { get; }

    public override void Restart(RandomSource? random)
    {
        random?.Shuffle<int>(_order);
        _taken = 0;
    }

    public override int Next(int thread) => Interlocked.Increment(ref _taken) - 1 is var taken && taken < _order.Length ? _order[taken] : -1;

    public override void Stop() => Volatile.Write(ref _taken, _order.Length);
}

/// <summary>A thread has the batches of a cell, and no other thread those of a cell that shares a part with it.</summary>
internal sealed class CellQueue : BatchQueue
{
    private readonly int _parts;
    private readonly int[] _firstBatches;
    private readonly int[] _rows;
    private readonly int[] _columns;
    private readonly int[] _columnsLeft;
    private readonly bool[] _isRowTaken;
    private readonly bool[] _isColumnTaken;
    private readonly (int Cell, int Next)[] _work;
    private readonly object _gate = new();
    private int _left;

    /// <param name="partition">The cells.</param>
    /// <param name="batchExamples">Examples of a batch at most.</param>
    /// <param name="threads">Number of threads.</param>
    public CellQueue(RowPartition partition, int batchExamples, int threads)
    {
        _parts = partition.Parts;
        _firstBatches = new int[(_parts * _parts) + 1];
        _rows = new int[_parts];
        _columns = new int[_parts * _parts];
        _columnsLeft = new int[_parts];
        _isRowTaken = new bool[_parts];
        _isColumnTaken = new bool[_parts];
        _work = new (int, int)[threads];
        var batches = new List<BatchRange>();
        for (var cell = 0; cell < _columns.Length; cell++)
        {
            _firstBatches[cell] = batches.Count;
            for (var from = partition.Starts[cell]; from < partition.Starts[cell + 1]; from += batchExamples)
            {
                batches.Add(new(from, Math.Min(batchExamples, partition.Starts[cell + 1] - from)));
            }
        }

        _firstBatches[^1] = batches.Count;
        Batches = [.. batches];
    }

    public override BatchRange[] Batches { get; }

    public override void Restart(RandomSource? random)
    {
        Reorder(_rows, random);
        for (var row = 0; row < _parts; row++)
        {
            Reorder(_columns.AsSpan(row * _parts, _parts), random);
        }

        Array.Fill(_columnsLeft, _parts);
        Array.Clear(_isRowTaken);
        Array.Clear(_isColumnTaken);
        Array.Fill(_work, (-1, 0));
        _left = _columns.Length;
    }

    public override int Next(int thread)
    {
        ref var work = ref _work[thread];
        while (work.Cell < 0 || work.Next == _firstBatches[work.Cell + 1])
        {
            lock (_gate)
            {
                var former = work.Cell;
                if (former >= 0)
                {
                    _isRowTaken[former / _parts] = _isColumnTaken[former % _parts] = false;
                    Monitor.PulseAll(_gate);
                }

                int cell;
                while ((cell = Take(former, thread)) < 0)
                {
                    if (_left == 0)
                    {
                        work.Cell = -1;
                        return -1;
                    }

                    Monitor.Wait(_gate);
                }

                work = (cell, _firstBatches[cell]);
            }
        }

        return work.Next++;
    }

    public override void Stop()
    {
        lock (_gate)
        {
            Array.Clear(_columnsLeft);
            _left = 0;
            Monitor.PulseAll(_gate);
        }
    }

    private static void Reorder(Span<int> numbers, RandomSource? random)
    {
        for (var n = 0; n < numbers.Length; n++)
        {
            numbers[n] = n;
        }

        random?.Shuffle(numbers);
    }

    /// <summary>
    /// A cell that is not done and free, if there is one: where possible of the row of the former cell, whose parameters are in the thread's cache,
    /// else of a row that
    /// this thread has in every pass.
    /// </summary>
    private int Take(int former, int thread)
    {
        if (former >= 0 && TakeOf(former / _parts) is var near and >= 0)
        {
            return near;
        }

        foreach (var own in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var row in _rows)
            {
                if (row % _work.Length == thread == own && TakeOf(row) is var cell and >= 0)
                {
                    return cell;
                }
            }
        }

        return -1;
    }

    private int TakeOf(int row)
    {
        if (_isRowTaken[row])
        {
            return -1;
        }

        var columns = _columns.AsSpan(row * _parts, _columnsLeft[row]);
        for (var n = 0; n < columns.Length; n++)
        {
            var column = columns[n];
            if (!_isColumnTaken[column])
            {
                columns[n] = columns[^1];
                _columnsLeft[row]--;
                _left--;
                _isRowTaken[row] = _isColumnTaken[column] = true;
                return (row * _parts) + column;
            }
        }

        return -1;
    }
}
