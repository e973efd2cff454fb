using System.Runtime.CompilerServices;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// Gradients of the parameters that a block of rows touches, each summed up over the block, so that a parameter steps once however often it occurs.
/// </summary>
internal sealed unsafe class GradientSums : IDisposable
{
    private readonly int _stride;
    private readonly NativeArray<int> _slotOfFactors;
    private readonly NativeArray<int> _slotOfWeight;
    private NativeArray<float> _vectors;
    private int[] _factorRows = [];
    private int[] _factorColumns = [];
    private int[] _weightRows = new int[64];
    private float[] _weights = new float[64];
    private int _count;
    private int _weightCount;

    /// <param name="factorRows">Rows of latent vectors.</param>
    /// <param name="weightRows">Rows of weights, the bias and those of pairs of fields behind those of columns.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    public GradientSums(int factorRows, int weightRows, int stride)
    {
        _stride = stride;
        _slotOfFactors = new((nuint)factorRows);
        _slotOfWeight = new((nuint)weightRows);
        _vectors = new(0);
    }

    /// <summary>Latent vectors that have a sum.</summary>
    public int Count => _count;

    /// <summary>The sums of latent vectors, in the order in which they came; valid until <see cref="Reserve"/>.</summary>
    public float* Vectors => _vectors.Pointer;

    /// <summary>Makes room for more latent vectors.</summary>
    public void Reserve(int more)
    {
        var needed = _count + Math.Min(more, (int)_slotOfFactors.Length - _count);
        if (needed <= _factorRows.Length)
        {
            return;
        }

        var capacity = (int)Math.Min(Math.Max(needed, 2L * _factorRows.Length), (long)_slotOfFactors.Length);
        Array.Resize(ref _factorRows, capacity);
        Array.Resize(ref _factorColumns, capacity);
        var vectors = new NativeArray<float>((nuint)capacity * (nuint)_stride);
        new Span<float>(_vectors.Pointer, _count * _stride).CopyTo(new(vectors.Pointer, _count * _stride));
        _vectors.Dispose();
        _vectors = vectors;
    }

    /// <summary>The sum of a latent vector, 0 at first; room must have been made for it.</summary>
    /// <param name="row">Row of the latent vector.</param>
    /// <param name="column">A column that it belongs to, whose L2 it has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Of(int row, int column)
    {
        var slot = _slotOfFactors.Pointer[row] - 1;
        return slot >= 0 ? _vectors.Pointer + ((nint)slot * _stride) : Add(row, column);
    }

    /// <summary>Adds to the sum of a weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddWeight(int row, float gradient)
    {
        var slot = _slotOfWeight.Pointer[row] - 1;
        if (slot < 0)
        {
            slot = AddWeight(row);
        }

        _weights[slot] += gradient;
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
            if (!ownership.Has(row))
            {
                continue;
            }

            var at = tables.Factors + (row * tables.FactorBlock);
            var gradient = _vectors.Pointer + ((nint)slot * _stride);
            var l2 = TLanes.Of(context.L2[((nuint)_factorColumns[slot] * context.L2Step) + 1]);
            var rate = TLanes.Of(solver.FactorRate(row));
            for (var d = 0; d < _stride; d += TLanes.Width)
            {
                var value = TLanes.Load(at + d);
                TSolver.Step<TVector, TLanes>(value, TLanes.MultiplyAdd(l2, value, TLanes.Load(gradient + d)), rate, at + d, (nuint)_stride);
            }
        }

        for (var slot = 0; slot < _weightCount; slot++)
        {
            var row = (nuint)_weightRows[slot];
            if (ownership.Has(row))
            {
                var at = tables.Weights + (row * tables.WeightBlock);
                var l2 = context.L2[row * context.L2Step];
                TSolver.Step<float, Lanes1>(*at, _weights[slot] + (l2 * *at), solver.WeightRate(row), at, 1);
            }
        }
    }

    /// <summary>Forgets all sums.</summary>
    public void Clear()
    {
        for (var slot = 0; slot < _count; slot++)
        {
            _slotOfFactors.Pointer[_factorRows[slot]] = 0;
        }

        for (var slot = 0; slot < _weightCount; slot++)
        {
            _slotOfWeight.Pointer[_weightRows[slot]] = 0;
        }

        _count = _weightCount = 0;
    }

    public void Dispose()
    {
        _slotOfFactors.Dispose();
        _slotOfWeight.Dispose();
        _vectors.Dispose();
    }

    private float* Add(int row, int column)
    {
        (_factorRows[_count], _factorColumns[_count]) = (row, column);
        var vector = _vectors.Pointer + ((nint)_count * _stride);
        new Span<float>(vector, _stride).Clear();
        _slotOfFactors.Pointer[row] = ++_count;
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
        _slotOfWeight.Pointer[row] = ++_weightCount;
        return _weightCount - 1;
    }
}
