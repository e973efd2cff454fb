using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>
/// The backward pass of a row: how its parameters step down a slope ∂L/∂y, after <see cref="RowPass{TVector, TLanes, TRegisters, TCrossing}"/>
/// went forward.
/// </summary>
internal readonly unsafe ref struct RowSteps<TVector, TLanes, TRegisters, TCrossing, TSolver>
    where TLanes : ILanes<TVector>
    where TRegisters : IRegisters
    where TCrossing : ICrossing
    where TSolver : struct, ISolver<TSolver>
{
    private readonly ref readonly ParameterTables _tables;
    private readonly ref readonly StepContext _context;
    private readonly Ownership _ownership;
    private readonly TSolver _solver;
    private readonly int _stride;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowSteps(in ParameterTables tables, in StepContext context, Ownership ownership)
    {
        _tables = ref tables;
        _context = ref context;
        _ownership = ownership;
        _solver = TSolver.Of(context);
        _stride = TRegisters.Count == 0 ? tables.Stride : TLanes.Width * TRegisters.Count;
    }

    /// <summary>Steps all parameters of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="next">Entries whose parameters are to be fetched meanwhile.</param>
    /// <param name="slope">∂L/∂y, times the weight of the example.</param>
    /// <param name="weight">Weight of the example, which scales L2 too.</param>
    /// <param name="scratch">What the forward pass left.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Row(in RowBatch.Row row, ref RowBatch.EntryRange next, float slope, float weight, float* scratch)
    {
        Bias(slope);

        var groups = TCrossing.IsWeighted ? RowPass<TVector, TLanes, TRegisters, TCrossing>.GroupsOf(row) : 0;
        Entries(row, ref next, 0, groups, slope, weight, scratch);
        if (TCrossing.IsWeighted)
        {
            FieldWeights(row, slope, weight, scratch);
        }
    }

    /// <summary>
    /// Steps the parameters of two rows down a slope by the difference of their scores. Entries that both begin with step once, and the bias cancels
    /// out.
    /// </summary>
    /// <param name="positive">The row that is to score higher.</param>
    /// <param name="negative">The other row.</param>
    /// <param name="next">Entries whose parameters are to be fetched meanwhile.</param>
    /// <param name="slope">∂L/∂(y⁺ − y⁻), times the weight of the example.</param>
    /// <param name="weight">Weight of the example, which scales L2 too.</param>
    /// <param name="positiveScratch">What the forward pass of <paramref name="positive"/> left.</param>
    /// <param name="negativeScratch">What the forward pass of <paramref name="negative"/> left.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Pair(
        in RowBatch.Row positive,
        in RowBatch.Row negative,
        ref RowBatch.EntryRange next,
        float slope,
        float weight,
        float* positiveScratch,
        float* negativeScratch
    )
    {
        var shared = 0;
        while (
            shared < positive.Length
            && shared < negative.Length
            && positive.Entries[shared] == negative.Entries[shared]
            && positive.WeightRow(shared) == negative.WeightRow(shared)
            && positive.Value(shared).Equals(negative.Value(shared))
        )
        {
            shared++;
        }

        var positiveGroups = RowPass<TVector, TLanes, TRegisters, TCrossing>.GroupsOf(positive);
        var negativeGroups = RowPass<TVector, TLanes, TRegisters, TCrossing>.GroupsOf(negative);
        var group = 0;
        for (var entry = 0; entry < shared; entry++)
        {
            group += entry > 0 && positive.StartsGroup(entry) ? 1 : 0;
            var row = positive.FactorRow(entry);
            if (!_ownership.Has(row))
            {
                continue;
            }

            var at = _tables.Factors + (row * _tables.FactorBlock);
            var ownOfPositive = RowPass<TVector, TLanes, TRegisters, TCrossing>.OwnPart(positive, entry, _tables);
            var ownOfNegative = RowPass<TVector, TLanes, TRegisters, TCrossing>.OwnPart(negative, entry, _tables);
            var rate = TLanes.Of(_solver.FactorRate(row));
            var slopes = TLanes.Of(slope * positive.Value(entry));
            var l2 = TLanes.Of(weight * _context.L2[(positive.WeightRow(entry) * _context.L2Step) + 1]);
            for (var d = 0; d < _stride; d += TLanes.Width)
            {
                var value = TLanes.Load(at + d);
                var opposite = TLanes.Subtract(
                    RowPass<TVector, TLanes, TRegisters, TCrossing>.Opposite(
                        positive,
                        entry,
                        group,
                        positiveGroups,
                        value,
                        positiveScratch,
                        _stride,
                        d,
                        ownOfPositive
                    ),
                    RowPass<TVector, TLanes, TRegisters, TCrossing>.Opposite(
                        negative,
                        entry,
                        group,
                        negativeGroups,
                        value,
                        negativeScratch,
                        _stride,
                        d,
                        ownOfNegative
                    )
                );
                TSolver.Step<TVector, TLanes>(value, TLanes.MultiplyAdd(slopes, opposite, TLanes.Multiply(l2, value)), rate, at + d, (nuint)_stride);
            }
        }

        Entries(positive, ref next, shared, positiveGroups, slope, weight, positiveScratch);
        Entries(negative, ref next, shared, negativeGroups, -slope, weight, negativeScratch);
        if (TCrossing.IsWeighted)
        {
            FieldWeights(positive, slope, weight, positiveScratch);
            FieldWeights(negative, -slope, weight, negativeScratch);
        }
    }

    private void Bias(float slope)
    {
        TSolver.Step<float, Lanes1>(*_tables.Bias, slope, _solver.WeightRate(_tables.WeightRowAt(_tables.Bias)), _tables.Bias, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Entries(in RowBatch.Row row, ref RowBatch.EntryRange next, int from, int groups, float slope, float weight, float* scratch)
    {
        // Copied, because the compiler must suppose that steps change what the references lead to.
        var factors = _tables.Factors;
        var weights = _tables.Weights;
        var l2 = _context.L2;
        var (stride, l2Step) = (_stride, _context.L2Step);
        var weightBlock = (nuint)TSolver.Planes;
        var factorBlock = weightBlock * (nuint)stride;
        var group = 0;
        for (var entry = 0; entry < row.Length; entry++)
        {
            next.FetchSums(factors, factorBlock, (nuint)stride);
            if (!TCrossing.IsPlain)
            {
                group += entry > 0 && row.StartsGroup(entry) ? 1 : 0;
            }

            if (entry < from)
            {
                continue;
            }

            var slopeOfEntry = slope * row.Value(entry);
            var weightRow = row.WeightRow(entry);
            if (_ownership.Has(weightRow))
            {
                var weightAt = weights + (weightRow * weightBlock);
                TSolver.Step<float, Lanes1>(
                    *weightAt,
                    slopeOfEntry + (weight * l2[weightRow * l2Step] * *weightAt),
                    _solver.WeightRate(weightRow),
                    weightAt,
                    1
                );
            }

            var factorRow = row.FactorRow(entry);
            if (!_ownership.Has(factorRow))
            {
                continue;
            }

            var at = factors + (factorRow * factorBlock);
            var own = RowPass<TVector, TLanes, TRegisters, TCrossing>.OwnPart(row, entry, _tables);
            var rate = TLanes.Of(_solver.FactorRate(factorRow));
            var slopes = TLanes.Of(slopeOfEntry);
            var l2OfFactors = TLanes.Of(weight * l2[(weightRow * l2Step) + 1]);
            for (var d = 0; d < stride; d += TLanes.Width)
            {
                var value = TLanes.Load(at + d);
                var opposite = RowPass<TVector, TLanes, TRegisters, TCrossing>.Opposite(row, entry, group, groups, value, scratch, stride, d, own);
                TSolver.Step<TVector, TLanes>(
                    value,
                    TLanes.MultiplyAdd(slopes, opposite, TLanes.Multiply(l2OfFactors, value)),
                    rate,
                    at + d,
                    (nuint)stride
                );
            }
        }
    }

    /// <summary>∂y/∂r_fg = ⟨p_f, p_g⟩; L2 pulls towards 1, where nothing is known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FieldWeights(in RowBatch.Row row, float slope, float weight, float* scratch)
    {
        if (!_ownership.IsFirst)
        {
            return;
        }

        var entryOfG = 0;
        for (var g = 1; entryOfG < row.Length; g++, entryOfG = RowPass<TVector, TLanes, TRegisters, TCrossing>.NextGroup(row, entryOfG))
        {
            var entryOfH = RowPass<TVector, TLanes, TRegisters, TCrossing>.NextGroup(row, entryOfG);
            for (var h = g + 1; entryOfH < row.Length; h++, entryOfH = RowPass<TVector, TLanes, TRegisters, TCrossing>.NextGroup(row, entryOfH))
            {
                var product = TLanes.Zero;
                for (var d = 0; d < _stride; d += TLanes.Width)
                {
                    product = TLanes.MultiplyAdd(TLanes.Load(scratch + (g * _stride) + d), TLanes.Load(scratch + (h * _stride) + d), product);
                }

                var r = RowPass<TVector, TLanes, TRegisters, TCrossing>.FieldWeight(row, entryOfG, entryOfH, _tables);
                TSolver.Step<float, Lanes1>(
                    *r,
                    (slope * TLanes.Sum(product)) + (weight * _context.L2FieldWeights * (*r - 1)),
                    _solver.WeightRate(_tables.WeightRowAt(r)),
                    r,
                    1
                );
            }
        }
    }
}
