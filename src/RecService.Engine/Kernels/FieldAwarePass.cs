using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>
/// The forward pass of a field-aware row (Juan, Zhuang, Chin, Lin, "Field-aware Factorization Machines for CTR Prediction", RecSys 2016) in O(nFk). A
/// latent vector is one of F · k floats, k for each field, and so is what it is multiplied by: t_f, whose part for field g is Σ_{j∈g} x_j v_j,f. The
/// cross term is then ½ Σ_i x_i ⟨v_i, t_f(i)⟩ and its gradient x_i t_f(i), without the entry's own part of t, in registers that several fields may share.
/// </summary>
/// <remarks>
/// Leaves in the scratch area t of each group, in groups of several entries with the part of the field itself, which each entry has to leave itself out
/// of; then the place in a vector of each group's field.
/// </remarks>
internal static unsafe class FieldAwarePass<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>The cross term of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Forward(in RowBatch.Row row, in ParameterTables tables, float* scratch, int stride)
    {
        var factors = tables.Factors;
        var (block, k) = (tables.FactorBlock, tables.FieldLength);
        var groups = 0;
        for (var entry = 0; entry < row.Length; entry++)
        {
            groups += row.StartsGroup(entry) ? 1 : 0;
        }

        var places = (int*)(scratch + (groups * (nint)stride));
        for (var (entry, group) = (0, -1); entry < row.Length; entry++)
        {
            if (row.StartsGroup(entry))
            {
                places[++group] = tables.Fields[row.WeightRow(entry)] * k;
            }
        }

        new Span<float>(scratch, groups * stride).Clear();
        for (var (entry, group) = (0, -1); entry < row.Length; entry++)
        {
            group += row.StartsGroup(entry) ? 1 : 0;
            var vector = factors + (row.FactorRow(entry) * block);
            var x = row.Value(entry);
            var to = scratch + places[group];
            for (var other = 0; other < groups; other++, to += stride)
            {
                AddPart(vector + places[other], x, to, k);
            }

            if (FieldAwarePass.IsAlone(row, entry))
            {
                new Span<float>(scratch + (group * stride) + places[group], k).Clear();
            }
        }

        var twice = TLanes.Zero;
        for (var (entry, group) = (0, -1); entry < row.Length; entry++)
        {
            group += row.StartsGroup(entry) ? 1 : 0;
            var vector = factors + (row.FactorRow(entry) * block);
            var own = FieldAwarePass.OwnPart(row, entry, tables);
            var x = row.Value(entry);
            var times = TLanes.Of(x);
            var opposite = scratch + (group * stride);
            for (var d = 0; d < stride; d += TLanes.Width)
            {
                var value = TLanes.Load(vector + d);
                twice = TLanes.MultiplyAdd(TLanes.Multiply(times, value), Opposite(x, value, opposite + d, own, d), twice);
            }
        }

        return TLanes.Sum(twice) / 2;
    }

    /// <summary>t without what an entry itself adds to it.</summary>
    /// <param name="x">The entry's value.</param>
    /// <param name="vector">Its latent vector, as far as it is in one register.</param>
    /// <param name="opposite">t of its group, at the same components.</param>
    /// <param name="own">What <see cref="FieldAwarePass.OwnPart"/> gave for the entry.</param>
    /// <param name="d">The first component.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Opposite(float x, TVector vector, float* opposite, float* own, int d)
    {
        var sum = TLanes.Load(opposite);
        return own == null ? sum : TLanes.Subtract(sum, TLanes.Multiply(TLanes.Multiply(TLanes.Of(x), TLanes.Load(own + d)), vector));
    }

    /// <summary>to += x · vector, of k floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPart(float* vector, float x, float* to, int k)
    {
        var d = 0;
        for (var times = TLanes.Of(x); d <= k - TLanes.Width; d += TLanes.Width)
        {
            TLanes.Store(TLanes.MultiplyAdd(times, TLanes.Load(vector + d), TLanes.Load(to + d)), to + d);
        }

        if (TLanes.Width > Lanes4.Width)
        {
            for (var times = Vector128.Create(x); d <= k - Lanes4.Width; d += Lanes4.Width)
            {
                Lanes4.Store(Lanes4.MultiplyAdd(times, Lanes4.Load(vector + d), Lanes4.Load(to + d)), to + d);
            }
        }

        for (; d < k; d++)
        {
            to[d] += x * vector[d];
        }
    }
}

/// <summary>What the kernels of field-aware rows have in common.</summary>
internal static unsafe class FieldAwarePass
{
    /// <summary>Floats that the forward pass of a row leaves.</summary>
    public static int ScratchOf(int groups, int stride) => checked(groups * (stride + 1) + 15) / 16 * 16;

    /// <summary>Whether an entry is the only one of its field: it crosses with nothing there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAlone(in RowBatch.Row row, int entry) => row.StartsGroup(entry) && (entry + 1 == row.Length || row.StartsGroup(entry + 1));

    /// <summary>1 at the components of an entry's vector that are for its own field and 0 at the others; null where it is alone in its field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* OwnPart(in RowBatch.Row row, int entry, in ParameterTables tables) =>
        IsAlone(row, entry) ? null : tables.OwnParts + tables.Stride - (tables.Fields[row.WeightRow(entry)] * tables.FieldLength);

    /// <summary>A stride of zeros, k ones and another stride of zeros, of which every field's <see cref="OwnPart"/> is a piece.</summary>
    public static NativeArray<float> OwnParts(int stride, int fieldLength)
    {
        var parts = new NativeArray<float>((nuint)((2 * stride) + fieldLength));
        new Span<float>(parts.Pointer + stride, fieldLength).Fill(1);
        return parts;
    }
}
