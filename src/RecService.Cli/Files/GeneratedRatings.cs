using RecService.Engine.Data;
using RecService.Engine.Synthetic;

namespace RecService.Cli.Files;

/// <summary>Ratings of a <see cref="GroundTruth"/> as rows: users, items and circumstances with all that is known of them.</summary>
internal static class GeneratedRatings
{
    /// <summary>The ratings, and as many others of pairs that are not among them; the columns are what the former have.</summary>
    public static (FeatureSpace Space, ExampleSet Ratings, ExampleSet Others) Of(GroundTruth truth, int others)
    {
        GroundTruthInteraction[] ratings = [.. truth.Interactions()];
        var builder = new FeatureIndexBuilder();
        foreach (var (user, count) in ratings.CountBy(rating => rating.User))
        {
            builder.CountUser(truth.Users[user].ToFeatures(), count);
        }

        foreach (var (item, count) in ratings.CountBy(rating => rating.Item))
        {
            builder.CountItem(truth.Items[item].ToFeatures(), count);
        }

        foreach (var rating in ratings)
        {
            builder.CountContext(rating.ToContextFeatures(), 1);
        }

        var (space, index) = builder.Build(minimumCount: 1);
        var users = Rows(truth.Users, (user, row) => index.AppendUser(user.ToFeatures(), row));
        var items = Rows(truth.Items, (item, row) => index.AppendItem(item.ToFeatures(), row));
        return (space, Join(ratings), Join([.. truth.UnseenPairs(others)]));

        ExampleSet Join(GroundTruthInteraction[] interactions) =>
            new(
                [users, items, Rows(interactions, (interaction, row) => index.AppendContext(interaction.ToContextFeatures(), row))],
                [
                    [.. interactions.Select(interaction => interaction.User)],
                    [.. interactions.Select(interaction => interaction.Item)],
                    null,
                ],
                [.. interactions.Select(interaction => (float)interaction.Value!.Value)]
            );

        SparseRows Rows<T>(IReadOnlyList<T> entities, Action<T, RowBuffer> append)
        {
            var rows = new SparseRowsBuilder(space.ColumnCount);
            var row = new RowBuffer();
            foreach (var entity in entities)
            {
                row.Clear();
                append(entity, row);
                rows.Add(row.Row);
                rows.EndRow();
            }

            return rows.Build();
        }
    }
}
