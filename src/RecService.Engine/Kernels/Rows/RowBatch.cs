using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels.Rows;

/// <summary>
/// Rows laid out for the kernels, which read them by pointers: rows of <see cref="Data.SparseRows"/> in terms of the rows of the parameter tables.
/// </summary>
internal unsafe struct RowBatch
{
    /// <summary>Marks the first entry of a group in <see cref="Entries"/>: the entries from one mark to the next are pooled.</summary>
    public const int GroupStart = int.MinValue;

    /// <summary>What is left of an entry without its mark: the row of the factor table.</summary>
    public const int RowMask = int.MaxValue;

    /// <summary>How many entries beyond the last one may be read, to fetch the parameters of rows to come.</summary>
    public const int Lookahead = 16;

    /// <summary>Number of rows.</summary>
    public int Count;

    /// <summary>Entries of a row where all rows have the same number; else 0, and <see cref="Offsets"/> tell.</summary>
    public int Width;

    /// <summary>Factor row of each entry, marked where a group starts. <see cref="Lookahead"/> further ones can be read.</summary>
    public int* Entries;

    /// <summary>Weight row of each entry; the same as <see cref="Entries"/> where it is the factor row.</summary>
    public int* WeightRows;

    /// <summary>Value of each entry; where all are 1, a single one.</summary>
    public float* Values;

    /// <summary>From the value of an entry to the next one's: 1, or 0 where all are one.</summary>
    public nint ValueStep;

    /// <summary>Where each row starts, and the last ends, among the entries; null when rows have one <see cref="Width"/>.</summary>
    public int* Offsets;

    /// <summary>Target of each row.</summary>
    public float* Targets;

    /// <summary>Weight of each row; null when all are 1.</summary>
    public float* Weights;

    /// <summary>The entries of a row.</summary>
    public readonly Row this[int row]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var start = Offsets is null ? row * (nint)Width : Offsets[row];
            var length = Offsets is null ? Width : Offsets[row + 1] - Offsets[row];
            return new(this, start, length);
        }
    }

    /// <summary>Some of the rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowBatch Slice(int from, int count)
    {
        var start = Offsets is null ? from * (nint)Width : 0;
        var slice = this;
        slice.Count = count;
        slice.Entries += start;
        slice.WeightRows += start;
        slice.Values += start * ValueStep;
        slice.Offsets = Offsets is null ? null : Offsets + from;
        slice.Targets = Targets is null ? null : Targets + from;
        slice.Weights = Weights is null ? null : Weights + from;
        return slice;
    }

    /// <summary>The entries of all rows.</summary>
    public readonly EntryRange Range
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var start = Offsets is null ? 0 : Offsets[0];
            return new(Entries + start, WeightRows + start, Offsets is null ? Count * (nint)Width : Offsets[Count] - start);
        }
    }

    /// <summary>Entries of neighbouring rows, whose parameters are fetched one entry after the other.</summary>
    public struct EntryRange(int* entries, int* weightRows, nint count)
    {
        private readonly nint _weightRows = (nint)weightRows - (nint)entries;
        private readonly int* _end = entries + count;
        private int* _entry = entries;

        /// <summary>Fetches the latent vector and the weight of the next entry, if there is one: what a forward pass needs.</summary>
        /// <param name="factors">The factor table.</param>
        /// <param name="factorBlock">Floats of a factor row.</param>
        /// <param name="stride">Floats of a latent vector.</param>
        /// <param name="weights">The weight table.</param>
        /// <param name="weightBlock">Floats of a weight row.</param>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void FetchVector(float* factors, nuint factorBlock, nuint stride, float* weights, nuint weightBlock)
        {
            if (_entry == _end)
            {
                return;
            }

            Cache.Prefetch(factors + ((uint)(*_entry & RowMask) * factorBlock), stride);
            Cache.Prefetch(weights + ((uint)(*(int*)((byte*)_entry + _weightRows) & RowMask) * weightBlock));
            _entry++;
        }

        /// <summary>Fetches the solver's sums of the next entry, if there is one.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void FetchSums(float* factors, nuint factorBlock, nuint stride)
        {
            if (_entry == _end)
            {
                return;
            }

            Cache.Prefetch(factors + ((uint)(*_entry & RowMask) * factorBlock) + stride, factorBlock - stride);
            _entry++;
        }
    }

    /// <summary>One row of a batch.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly struct Row(in RowBatch batch, nint start, int length)
    {
        public readonly int* Entries = batch.Entries + start;
        public readonly int Length = length;
        private readonly int* _weightRows = batch.WeightRows + start;
        private readonly float* _values = batch.Values + (start * batch.ValueStep);
        private readonly nint _valueStep = batch.ValueStep;

        public nuint FactorRow(int entry) => (uint)(Entries[entry] & RowMask);

        public nuint WeightRow(int entry) => (uint)(_weightRows[entry] & RowMask);

        public float Value(int entry) => _values[entry * _valueStep];

        public bool StartsGroup(int entry) => Entries[entry] < 0;

        /// <summary>Fetches the parameters of entries that come a little later, where that is worth it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Fetch(in ParameterTables tables)
        {
            if (tables.FetchAhead == 0)
            {
                return;
            }

            for (var entry = tables.FetchAhead; entry < tables.FetchAhead + Length; entry++)
            {
                Cache.Prefetch(tables.Factors + (FactorRow(entry) * tables.FactorBlock), tables.FactorBlock);
                Cache.Prefetch(tables.Weights + (WeightRow(entry) * tables.WeightBlock));
            }
        }
    }
}
