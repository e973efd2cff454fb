using RecService.Engine.Data;

namespace RecService.Engine.Training.Parameters;

/// <summary>How often columns occur.</summary>
internal static class Occurrences
{
    /// <summary>Examples of an epoch that each column stands in, negatives included as far as they can be expected.</summary>
    public static double[] Of(FeatureSpace space, ExampleSet examples, NegativeSampling? negatives)
    {
        var occurrences = new double[space.ColumnCount];
        for (var block = 0; block < examples.Blocks.Count; block++)
        {
            var rows = examples.Blocks[block];
            if (negatives is null && examples.Rows[block] is null)
            {
                for (var example = 0; example < examples.Count; example++)
                {
                    Add(rows[example], examples.WeightOf(example) > 0 ? 1 : 0);
                }

                continue;
            }

            var uses = new double[rows.Count];
            if (block == negatives?.ItemBlock)
            {
                Array.Fill(uses, (double)examples.Count * negatives.PerPositive / rows.Count);
            }

            for (var example = 0; example < examples.Count; example++)
            {
                if (examples.WeightOf(example) > 0)
                {
                    uses[examples.RowOf(block, example)] += negatives is null || block == negatives.ItemBlock ? 1 : 1 + negatives.PerPositive;
                }
            }

            for (var row = 0; row < uses.Length; row++)
            {
                Add(rows[row], uses[row]);
            }
        }

        return occurrences;

        void Add(SparseRow row, double uses)
        {
            foreach (var column in row.Columns)
            {
                occurrences[column] += uses;
            }
        }
    }
}
