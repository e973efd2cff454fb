using System.Runtime.CompilerServices;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// Gradients of the parameters that a block of rows touches, each summed up over the block, so that a parameter steps once however often it occurs.
/// </summary>
internal sealed unsafe class GradientSums(int stride) : IDisposable
{
    private const int FetchAhead = 3;

    private NativeArray<float> _vectors = new(0);
    private int[] _factorRows = [];
    private int[] _factorColumns = [];
    private int[] _weightRows = new int[64];
    private float[] _weights = new float[64];
    private GradientSlots? _slots;
    private int _count;
    private int _weightCount;

    /// <summary>The sums of latent vectors, in the order in which they came; valid until <see cref="Reserve"/>.</summary>
    public float* Vectors => _vectors.Pointer;

    /// <summary>The rows of the latent vectors that have a sum, in the same order.</summary>
    public ReadOnlySpan<int> FactorRows => _factorRows.AsSpan(0, _count);

    /// <summary>The rows of the weights that have a sum.</summary>
    public ReadOnlySpan<int> WeightRows => _weightRows.AsSpan(0, _weightCount);

    /// <summary>The sums of those weights.</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, _weightCount);

    /// <summary>Begins to sum up; there are no sums yet.</summary>
    public void Begin(GradientSlots slots) => _slots = slots;

    /// <summary>Makes room for more latent vectors.</summary>
    public void Reserve(int more)
    {
        var needed = (int)Math.Min(_count + (long)more, _slots!.FactorRows);
        if (needed <= _factorRows.Length)
        {
            return;
        }

        var capacity = (int)Math.Min(Math.Max(needed, 2L * _factorRows.Length), _slots.FactorRows);
        Array.Resize(ref _factorRows, capacity);
        Array.Resize(ref _factorColumns, capacity);
        var vectors = new NativeArray<float>((nuint)capacity * (nuint)stride);
        Buffer.MemoryCopy(_vectors.Pointer, vectors.Pointer, sizeof(float) * (long)vectors.Length, sizeof(float) * (long)_count * stride);
        _vectors.Dispose();
        _vectors = vectors;
    }

    /// <summary>The sum of a latent vector, 0 at first; room must have been made for it.</summary>
    /// <param name="row">Row of the latent vector.</param>
    /// <param name="column">A column that it belongs to, whose L2 it has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Of(int row, int column)
    {
        var slot = _slots!.OfFactors[row] - 1;
        return slot >= 0 ? _vectors.Pointer + ((nint)slot * stride) : Add(row, column);
    }

    /// <summary>Adds to the sum of a weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddWeight(int row, float gradient)
    {
        var slot = _slots!.OfWeights[row] - 1;
        if (slot < 0)
        {
            slot = AddWeight(row);
        }

        _weights[slot] += gradient;
    }

    /// <summary>No more sums are added.</summary>
    public void End()
    {
        for (var slot = 0; slot < _count; slot++)
        {
            _slots!.OfFactors[_factorRows[slot]] = 0;
        }

        for (var slot = 0; slot < _weightCount; slot++)
        {
            _slots!.OfWeights[_weightRows[slot]] = 0;
        }

        _slots = null;
    }

    /// <summary>Steps down all sums that an owner has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step<TVector, TLanes, TSolver>(in ParameterTables tables, in StepContext context, Ownership ownership)
        where TLanes : ILanes<TVector>
        where TSolver : struct, ISolver<TSolver>
    {
        var solver = TSolver.Of(context);
        for (var slot = 0; slot < _count; slot++)
        {
            var row = (nuint)_factorRows[slot];
            if (slot + FetchAhead < _count)
            {
                Cache.Prefetch(tables.Factors + ((nuint)_factorRows[slot + FetchAhead] * tables.FactorBlock), tables.FactorBlock);
            }

            if (!ownership.Has(row))
            {
                continue;
            }

            var at = tables.Factors + (row * tables.FactorBlock);
            var gradient = _vectors.Pointer + ((nint)slot * stride);
            var l2 = TLanes.Of(context.L2[((nuint)_factorColumns[slot] * context.L2Step) + 1]);
            var rate = TLanes.Of(solver.FactorRate(row));
            for (var d = 0; d < stride; d += TLanes.Width)
            {
                var value = TLanes.Load(at + d);
                TSolver.Step<TVector, TLanes>(value, TLanes.MultiplyAdd(l2, value, TLanes.Load(gradient + d)), rate, at + d, (nuint)stride);
            }
        }

        var bias = tables.WeightRowAt(tables.Bias);
        for (var slot = 0; slot < _weightCount; slot++)
        {
            var row = (nuint)_weightRows[slot];
            if (ownership.Has(row))
            {
                var at = tables.Weights + (row * tables.WeightBlock);
                var pull =
                    row < bias ? context.L2[row * context.L2Step] * *at
                    : row == bias ? 0
                    : context.L2FieldWeights * (*at - 1);
                TSolver.Step<float, Lanes1>(*at, _weights[slot] + pull, solver.WeightRate(row), at, 1);
            }
        }
    }

    /// <summary>Forgets all sums.</summary>
    public void Clear() => _count = _weightCount = 0;

    public void Dispose() => _vectors.Dispose();

    private float* Add(int row, int column)
    {
        (_factorRows[_count], _factorColumns[_count]) = (row, column);
        var vector = _vectors.Pointer + ((nint)_count * stride);
        new Span<float>(vector, stride).Clear();
        _slots!.OfFactors[row] = ++_count;
        return vector;
    }

    private int AddWeight(int row)
    {
        if (_weightCount == _weightRows.Length)
        {
            Array.Resize(ref _weightRows, 2 * _weightCount);
            Array.Resize(ref _weights, 2 * _weightCount);
        }

        (_weightRows[_weightCount], _weights[_weightCount]) = (row, 0);
        _slots!.OfWeights[row] = ++_weightCount;
        return _weightCount - 1;
    }
}

/// <summary>Where each parameter has its sum, while sums are made: 0 for nowhere.</summary>
internal sealed unsafe class GradientSlots(int factorRows, int weightRows) : IDisposable
{
    private readonly NativeArray<int> _ofFactors = new((nuint)factorRows);
    private readonly NativeArray<int> _ofWeights = new((nuint)weightRows);

    public int FactorRows => factorRows;

    public int* OfFactors => _ofFactors.Pointer;

    public int* OfWeights => _ofWeights.Pointer;

    public void Dispose()
    {
        _ofFactors.Dispose();
        _ofWeights.Dispose();
    }
}
