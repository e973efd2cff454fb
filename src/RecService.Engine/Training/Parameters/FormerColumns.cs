using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Training.Parameters;

/// <summary>Which column of a former model says the same as a column of a new one.</summary>
internal static class FormerColumns
{
    /// <summary>The same for the model of a start.</summary>
    /// <exception cref="ArgumentException">
    /// The start is of another loss or number of factors, one of both is field-aware and the other is not, or one of both has an index and the other has none.
    /// </exception>
    public static int[] Of(TrainingState start, TrainingSettings settings, FeatureSpace space, FeatureIndex? features)
    {
        if (start.Model.Loss != settings.Loss || start.Model.Factors != settings.Factors)
        {
            throw new ArgumentException(
                $"The start has the loss {start.Model.Loss} and {start.Model.Factors} factors; {settings.Loss} and {settings.Factors} are to be trained.",
                nameof(start)
            );
        }

        return settings.CanStartFrom(start.Model.Crossing)
            ? Of(start.Model, space, features)
            : throw new ArgumentException($"The start is {start.Model.Crossing}; what is to be trained is {settings.Crossing}.", nameof(start));
    }

    /// <summary>For each column of <paramref name="space"/> the column of <paramref name="former"/>, or −1 for a new feature.</summary>
    /// <param name="former">The former model.</param>
    /// <param name="space">The new columns.</param>
    /// <param name="features">Their index. Where both models have one, features are the same by name; where neither has, by field and number, as in
    /// files.</param>
    /// <exception cref="ArgumentException">One model has an index and the other has none.</exception>
    public static int[] Of(FactorizationModel former, FeatureSpace space, FeatureIndex? features)
    {
        if (former.Features is { } formerFeatures && features is not null)
        {
            return ByName(formerFeatures, space, features);
        }

        if (former.Features is not null || features is not null)
        {
            var (named, other) = features is null ? ("start", "examples") : ("examples", "start");
            throw new ArgumentException(
                $"The features of the {named} have names, those of the {other} have none: which are the same cannot be told.",
                nameof(former)
            );
        }

        return ByEntry(former.Space, space);
    }

    private static int[] ByName(FeatureIndex former, FeatureSpace space, FeatureIndex features)
    {
        var formerColumns = new Dictionary<(string Group, string? Category), int>();
        var featuresOf = new Dictionary<int, int>();
        foreach (var feature in former.Features)
        {
            formerColumns.Add((feature.Group, feature.Category), feature.Column);
            featuresOf[feature.Column] = featuresOf.GetValueOrDefault(feature.Column) + 1;
        }

        var columns = new int[space.ColumnCount];
        Array.Fill(columns, -1);
        foreach (var feature in features.Features)
        {
            // The rare categories of a field share a column. Of the columns that they had before, the one that most features shared stands for them.
            ref var column = ref columns[feature.Column];
            if (
                formerColumns.TryGetValue((feature.Group, feature.Category), out var formerColumn)
                && (column < 0 || featuresOf[formerColumn] > featuresOf[column])
            )
            {
                column = formerColumn;
            }
        }

        return columns;
    }

    private static int[] ByEntry(FeatureSpace former, FeatureSpace space)
    {
        var (formerEntries, entries) = (new FileColumns(former), new FileColumns(space));
        var columns = new int[space.ColumnCount];
        for (var column = 0; column < columns.Length; column++)
        {
            var (field, index) = entries.EntryOf(column);
            columns[column] = formerEntries.Find(field, index);
        }

        return columns;
    }
}
