using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>
/// Forward and backward pass of a single row of any kind: several entries a field, values, latent vectors of any length. The forward pass leaves in a
/// scratch
/// area S = Σ_g p_g and the pooled vectors p_g of the row's groups (not for plain rows, whose entries are their own groups), and for weighted fields
/// also
/// t_g = Σ_h r_gh p_h; the backward pass takes ∂cross/∂p_g from there: S − p_g, or t_g. Field-aware rows: <see cref="FieldAwarePass{TVector, TLanes}"/>.
/// </summary>
internal static unsafe class RowPass<TVector, TLanes, TRegisters, TCrossing>
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TCrossing : ICrossing
{
    /// <summary>The scores of rows without the bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Forward(in RowBatch rows, RowBatch.EntryRange next, in ParameterTables tables, float* scratch, int scratchOfRow, float* scores)
    {
        for (var n = 0; n < rows.Count; n++)
        {
            var row = rows[n];
            row.Fetch(tables);
            scores[n] = Forward(row, ref next, tables, scratch + (n * (nint)scratchOfRow));
        }
    }

    /// <summary>The score of a row without the bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Forward(in RowBatch.Row row, ref RowBatch.EntryRange next, in ParameterTables tables, float* scratch)
    {
        var linear = 0f;
        var weights = tables.Weights;
        var weightBlock = tables.WeightBlock;
        for (var entry = 0; entry < row.Length; entry++)
        {
            next.FetchVector(tables.Factors, tables.FactorBlock, (nuint)tables.Stride, weights, weightBlock);
            linear += weights[row.WeightRow(entry) * weightBlock] * row.Value(entry);
        }

        var stride = TRegisters.Count == 0 ? tables.Stride : TLanes.Width * TRegisters.Count;
        return linear
            + (
                TCrossing.IsPlain ? Plain(row, tables, scratch, stride)
                : TCrossing.IsWeighted ? Weighted(row, tables, scratch, stride)
                : TCrossing.IsFieldAware ? FieldAwarePass<TVector, TLanes>.Forward(row, tables, scratch, stride)
                : Pooled(row, tables, scratch, stride)
            );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Plain(in RowBatch.Row row, in ParameterTables tables, float* scratch, int stride)
    {
        var factors = tables.Factors;
        var block = tables.FactorBlock;
        var cross = TLanes.Zero;
        for (var d = 0; d < stride; d += TLanes.Width)
        {
            var sum = TLanes.Zero;
            for (var entry = 0; entry < row.Length; entry++)
            {
                var term = Term(row, entry, factors, block, d);
                cross = TLanes.MultiplyAdd(sum, term, cross);
                sum = TLanes.Add(sum, term);
            }

            TLanes.Store(sum, scratch + d);
        }

        return TLanes.Sum(cross);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Pooled(in RowBatch.Row row, in ParameterTables tables, float* scratch, int stride)
    {
        var factors = tables.Factors;
        var block = tables.FactorBlock;
        var cross = TLanes.Zero;
        for (var d = 0; d < stride; d += TLanes.Width)
        {
            var sum = TLanes.Zero;
            var pooledAt = scratch + d;
            for (var entry = 0; entry < row.Length;)
            {
                var pooled = Term(row, entry, factors, block, d);
                while (++entry < row.Length && !row.StartsGroup(entry))
                {
                    pooled = TLanes.Add(pooled, Term(row, entry, factors, block, d));
                }

                pooledAt += stride;
                TLanes.Store(pooled, pooledAt);
                cross = TLanes.MultiplyAdd(sum, pooled, cross);
                sum = TLanes.Add(sum, pooled);
            }

            TLanes.Store(sum, scratch + d);
        }

        return TLanes.Sum(cross);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Weighted(in RowBatch.Row row, in ParameterTables tables, float* scratch, int stride)
    {
        var factors = tables.Factors;
        var block = tables.FactorBlock;
        var groups = 0;
        for (var entry = 0; entry < row.Length; groups++)
        {
            var pooledAt = scratch + ((1 + groups) * stride);
            for (var first = entry; entry < row.Length && (entry == first || !row.StartsGroup(entry)); entry++)
            {
                for (var d = 0; d < stride; d += TLanes.Width)
                {
                    var term = Term(row, entry, factors, block, d);
                    TLanes.Store(entry == first ? term : TLanes.Add(TLanes.Load(pooledAt + d), term), pooledAt + d);
                }
            }
        }

        var pooled = scratch + stride;
        var weighted = pooled + (groups * stride);
        new Span<float>(weighted, groups * stride).Clear();
        var cross = TLanes.Zero;
        var (g, entryOfG) = (0, 0);
        for (; g < groups; g++, entryOfG = NextGroup(row, entryOfG))
        {
            var entryOfH = NextGroup(row, entryOfG);
            for (var h = g + 1; h < groups; h++, entryOfH = NextGroup(row, entryOfH))
            {
                var r = TLanes.Of(*FieldWeight(row, entryOfG, entryOfH, tables));
                for (var d = 0; d < stride; d += TLanes.Width)
                {
                    var a = (g * stride) + d;
                    var b = (h * stride) + d;
                    var scaled = TLanes.Multiply(r, TLanes.Load(pooled + b));
                    cross = TLanes.MultiplyAdd(TLanes.Load(pooled + a), scaled, cross);
                    TLanes.Store(TLanes.Add(TLanes.Load(weighted + a), scaled), weighted + a);
                    TLanes.Store(TLanes.MultiplyAdd(r, TLanes.Load(pooled + a), TLanes.Load(weighted + b)), weighted + b);
                }
            }
        }

        return TLanes.Sum(cross);
    }

    /// <summary>∂cross/∂p of the group of an entry, from what the forward pass left.</summary>
    /// <param name="row">The row.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="group">Its group, 0 for the row's first.</param>
    /// <param name="groups">Groups of the row.</param>
    /// <param name="value">The entry's latent vector, as far as it is in one register.</param>
    /// <param name="scratch">The scratch area.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="d">The first component.</param>
    /// <param name="own">What <see cref="OwnPart"/> gave for the entry.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Opposite(in RowBatch.Row row, int entry, int group, int groups, TVector value, float* scratch, int stride, int d, float* own) =>
        TCrossing.IsWeighted ? TLanes.Load(scratch + ((1 + groups + group) * stride) + d)
        : TCrossing.IsFieldAware ? FieldAwarePass<TVector, TLanes>.Opposite(row.Value(entry), value, scratch + (group * stride) + d, own, d)
        : TCrossing.IsPlain ? TLanes.Subtract(TLanes.Load(scratch + d), TLanes.Multiply(TLanes.Of(row.Value(entry)), value))
        : TLanes.Subtract(TLanes.Load(scratch + d), TLanes.Load(scratch + ((1 + group) * stride) + d));

    /// <summary>Where a field-aware entry crosses with itself in what it is multiplied by, as <see cref="FieldAwarePass.OwnPart"/> says; null in other rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* OwnPart(in RowBatch.Row row, int entry, in ParameterTables tables) =>
        TCrossing.IsFieldAware ? FieldAwarePass.OwnPart(row, entry, tables) : null;

    /// <summary>Number of groups of a row, which plain rows do not have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int GroupsOf(in RowBatch.Row row)
    {
        var groups = 0;
        if (!TCrossing.IsPlain)
        {
            for (var entry = 0; entry < row.Length; entry = NextGroup(row, entry))
            {
                groups++;
            }
        }

        return groups;
    }

    /// <summary>First entry of the group after that which starts at <paramref name="entry"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int NextGroup(in RowBatch.Row row, int entry)
    {
        do
        {
            entry++;
        } while (entry < row.Length && !row.StartsGroup(entry));
        return entry;
    }

    /// <summary>r of the fields of two entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* FieldWeight(in RowBatch.Row row, int entryA, int entryB, in ParameterTables tables)
    {
        var (f, g) = (tables.Fields[row.WeightRow(entryA)], tables.Fields[row.WeightRow(entryB)]);
        var pair = (Math.Min(f, g) * (nint)tables.FieldCount) + Math.Max(f, g);
        return tables.FieldWeights + ((nuint)pair * tables.WeightBlock);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Term(in RowBatch.Row row, int entry, float* factors, nuint block, int d) =>
        TLanes.Multiply(TLanes.Of(row.Value(entry)), TLanes.Load(factors + (row.FactorRow(entry) * block) + d));
}
