using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Parameters;

/// <summary>Rows of a table of which every thread has a replica.</summary>
/// <param name="table">The table.</param>
/// <param name="planes">Floats kept of a parameter.</param>
/// <param name="length">Parameters of a row.</param>
/// <param name="shared">The first of the shared rows.</param>
/// <param name="replicas">The first replica of the first thread; those of the next thread follow.</param>
/// <param name="count">How many rows.</param>
/// <param name="touches">How often each row of the table was touched; null where nobody counts.</param>
internal readonly unsafe struct ReplicatedRows(float* table, int planes, int length, int shared, int replicas, int count, int* touches)
{
    public nuint Floats => (nuint)count * (nuint)(planes * length);

    public int Planes => planes;

    public int Length => length;

    public int Count => count;

    public float* Shared => table + ((nuint)shared * (nuint)(planes * length));

    public float* Replica(int thread) => table + (ReplicaRow(thread) * (nuint)(planes * length));

    public Span<int> SharedTouches => touches is null ? default : new(touches + shared, count);

    public Span<int> ReplicaTouches(int thread) => touches is null ? default : new(touches + ReplicaRow(thread), count);

    private nuint ReplicaRow(int thread) => (nuint)(replicas + (thread * (long)RowNumbering.Apart(count)));
}

/// <summary>
/// One thread's replicas of hot rows: those that so many examples touch that threads would fight for their cache lines. From time to time a thread
/// adds the mean
/// share of what it has learned to the shared rows and goes on from there, as in parameter averaging (McDonald, Hall, Mann, NAACL 2010).
/// </summary>
internal sealed unsafe class ParameterReplicas : IDisposable
{
    private readonly ReplicatedRows[] _rows;
    private readonly NativeArray<float>[] _bases;
    private readonly Lock _gate;
    private readonly int _thread;
    private readonly float _share;
    private readonly bool _sumsAdd;

    /// <param name="rows">The rows.</param>
    /// <param name="thread">The thread.</param>
    /// <param name="threads">How many threads have replicas.</param>
    /// <param name="sumsAdd">Whether the solver's sums grow with every example, as AdaGrad's do; else they are means.</param>
    /// <param name="gate">Guards the shared rows.</param>
    public ParameterReplicas(ReplicatedRows[] rows, int thread, int threads, bool sumsAdd, Lock gate)
    {
        _rows = rows;
        _bases = [.. rows.Select(r => new NativeArray<float>(r.Floats))];
        _gate = gate;
        _thread = thread;
        _share = 1f / threads;
        _sumsAdd = sumsAdd;
    }

    /// <summary>Takes the shared rows over.</summary>
    public void Pull()
    {
        lock (_gate)
        {
            for (var i = 0; i < _rows.Length; i++)
            {
                var rows = _rows[i];
                Buffer.MemoryCopy(rows.Shared, rows.Replica(_thread), rows.Floats * sizeof(float), rows.Floats * sizeof(float));
                Buffer.MemoryCopy(rows.Shared, _bases[i].Pointer, rows.Floats * sizeof(float), rows.Floats * sizeof(float));
                rows.SharedTouches.CopyTo(rows.ReplicaTouches(_thread));
            }
        }
    }

    /// <summary>Adds this thread's share to the shared rows, and takes them over.</summary>
    public void Exchange()
    {
        lock (_gate)
        {
            for (var i = 0; i < _rows.Length; i++)
            {
                Exchange(_rows[i], _bases[i].Pointer);
                ExchangeTouches(_rows[i]);
            }
        }
    }

    public void Dispose()
    {
        foreach (var array in _bases)
        {
            array.Dispose();
        }
    }

    /// <summary>Means of moments that have seen as many gradients each are corrected as one of them is.</summary>
    private void ExchangeTouches(ReplicatedRows rows)
    {
        var shared = rows.SharedTouches;
        var replica = rows.ReplicaTouches(_thread);
        for (var row = 0; row < shared.Length; row++)
        {
            shared[row] = Math.Max(shared[row], replica[row]);
        }
    }

    private void Exchange(ReplicatedRows rows, float* bases)
    {
        var shared = rows.Shared;
        var replica = rows.Replica(_thread);
        nuint at = 0;
        for (var row = 0; row < rows.Count; row++)
        {
            for (var p = 0; p < rows.Planes; p++)
            {
                var share = p > 0 && _sumsAdd ? 1 : _share;
                for (var d = 0; d < rows.Length; d++, at++)
                {
                    var value = shared[at] + (share * (replica[at] - bases[at]));
                    shared[at] = replica[at] = bases[at] = value;
                }
            }
        }
    }
}
