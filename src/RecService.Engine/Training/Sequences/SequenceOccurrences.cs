namespace RecService.Engine.Training.Sequences;

/// <summary>How often columns occur in sequences.</summary>
internal static class SequenceOccurrences
{
    public static double[] Of(SequenceData data)
    {
        var occurrences = new double[data.Space.ColumnCount];
        var set = data.Set;
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            var rowsAfter = 0;
            for (var e = set.Starts[sequence + 1] - 1; e >= set.Starts[sequence]; e--)
            {
                // Without order, each is part of the history of the others.
                if (data.Omegas[e] > 0 && (rowsAfter > 0 || set.IsUnordered(sequence)))
                {
                    Add(data.History!, set.ItemOf[e]);
                    Add(data.Recent!, set.ItemOf[e]);
                }

                if (set.WeightOf(e) > 0)
                {
                    rowsAfter++;
                    Add(data.Items, set.ItemOf[e]);
                    Add(data.Users, set.UserOf[sequence]);
                    if (data.Contexts is { } contexts)
                    {
                        Add(contexts, set.ContextOf![e]);
                    }
                }
            }
        }

        return occurrences;

        void Add(RoleRows rows, int row)
        {
            foreach (var column in rows[row].Columns)
            {
                occurrences[column]++;
            }
        }
    }
}
