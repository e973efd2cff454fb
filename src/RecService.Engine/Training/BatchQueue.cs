using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

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
}

/// <summary>Any thread may have any batch.</summary>
internal sealed class SharedQueue : BatchQueue
{
    private readonly int[] _order;
    private int _taken;

    public SharedQueue(int examples, int batchExamples)
    {
        Batches = [.. Enumerable.Range(0, (examples + batchExamples - 1) / batchExamples).Select(n => new BatchRange(n * batchExamples, Math.Min(batchExamples, examples - (n * batchExamples))))];
        _order = [.. Enumerable.Range(0, Batches.Length)];
    }

    public override BatchRange[] Batches { get; }

    public override void Restart(RandomSource? random)
    {
        random?.Shuffle<int>(_order);
        _taken = 0;
    }

    public override int Next(int thread) => Interlocked.Increment(ref _taken) - 1 is var taken && taken < _order.Length ? _order[taken] : -1;
}

/// <summary>A thread has the batches of a cell, and no other thread those of a cell that shares a part with it.</summary>
internal sealed class CellQueue : BatchQueue
{
    private readonly int _parts;
    private readonly int[] _firstBatches;
    private readonly int[] _cells;
    private readonly bool[] _isDone;
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
        _cells = [.. Enumerable.Range(0, _parts * _parts)];
        _isDone = new bool[_cells.Length];
        _isRowTaken = new bool[_parts];
        _isColumnTaken = new bool[_parts];
        _work = new (int, int)[threads];
        var batches = new List<BatchRange>();
        foreach (var cell in _cells)
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
        random?.Shuffle<int>(_cells);
        Array.Clear(_isDone);
        Array.Clear(_isRowTaken);
        Array.Clear(_isColumnTaken);
        Array.Fill(_work, (-1, 0));
        _left = _cells.Length;
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

    /// <summary>
    /// A cell that is not done and free, if there is one: where possible of the row of the former cell, whose parameters are in the thread's cache, else of a row that
    /// this thread has in every pass.
    /// </summary>
    private int Take(int former, int thread)
    {
        var (best, bestScore) = (-1, -1);
        foreach (var cell in _cells)
        {
            var (row, column) = (cell / _parts, cell % _parts);
            if (_isDone[cell] || _isRowTaken[row] || _isColumnTaken[column])
            {
                continue;
            }

            var score = former >= 0 && row == former / _parts ? 2 : row % _work.Length == thread ? 1 : 0;
            if (score > bestScore)
            {
                (best, bestScore) = (cell, score);
            }
        }

        if (best >= 0)
        {
            _isDone[best] = _isRowTaken[best / _parts] = _isColumnTaken[best % _parts] = true;
            _left--;
        }

        return best;
    }
}
