using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Kernels.Rows;

/// <summary>What the rows of some examples have in common, which decides the kernel and how the rows are laid out for it.</summary>
/// <param name="OneHot">
/// Whether all rows have equally many entries, every value is 1, no two entries are pooled, and no columns share latent vectors: the case that has
/// kernels of its own.
/// </param>
/// <param name="Grouped">Whether entries are put together by field and marked.</param>
/// <param name="MaximumEntries">The most entries of a row.</param>
/// <param name="MaximumGroups">The most pooled vectors of a row; 0 where every entry stands for itself.</param>
internal readonly record struct RowLayout(bool OneHot, bool Grouped, int MaximumEntries, int MaximumGroups)
{
    /// <summary>The layout of the rows that examples join.</summary>
    /// <param name="space">The columns.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="crossing">Which features cross.</param>
    /// <param name="oneHotAllowed">False where something else needs the general kernels.</param>
    public static RowLayout Of(FeatureSpace space, ExampleSet examples, Crossing crossing, bool oneHotAllowed)
    {
        var (entries, uniform) = (0, true);
        var fields = new HashSet<int>();
        var distinct = true;
        foreach (var block in examples.Blocks)
        {
            var ofBlock = Scan(space, block);
            entries += ofBlock.MaximumEntries;
            uniform &= ofBlock.Uniform;
            distinct &= ofBlock.Distinct && !fields.Overlaps(ofBlock.Fields);
            fields.UnionWith(ofBlock.Fields);
        }

        var plain = crossing == Crossing.Plain;
        // The one-hot kernels go from the first entry of a row to its last, so that there has to be one.
        var oneHot =
            oneHotAllowed
            && entries > 0
            && space.ColumnFactors.IsEmpty
            && uniform
            && (plain || (distinct && crossing == Crossing.FieldPooled));
        return new(oneHot, !plain && !oneHot, entries, plain || oneHot ? 0 : Math.Min(entries, fields.Count));
    }

    private static (bool Uniform, bool Distinct, int MaximumEntries, HashSet<int> Fields) Scan(FeatureSpace space, SparseRows rows)
    {
        if (
            space.IsSortedByField
            && rows.PlaceRanges is { } places
            && places.All(place => space.ColumnFields[place.Least] == space.ColumnFields[place.Greatest])
        )
        {
            HashSet<int> ofPlaces = [.. places.Select(place => space.ColumnFields[place.Least])];
            return (true, ofPlaces.Count == places.Length, places.Length, ofPlaces);
        }

        var columnFields = space.ColumnFields;
        var lastRow = new int[space.FieldCount];
        Array.Fill(lastRow, -1);
        var (uniform, distinct, maximum) = (true, true, 0);
        for (var r = 0; r < rows.Count; r++)
        {
            var row = rows[r];
            uniform &= row.Length == rows[0].Length && row.Values.IsEmpty;
            maximum = Math.Max(maximum, row.Length);
            foreach (var column in row.Columns)
            {
                ref var last = ref lastRow[columnFields[column]];
                distinct &= last != r;
                last = r;
            }
        }

        return (uniform, distinct, maximum, [.. Enumerable.Range(0, lastRow.Length).Where(field => lastRow[field] >= 0)]);
    }
}
