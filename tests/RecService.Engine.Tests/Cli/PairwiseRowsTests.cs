using RecService.Cli.Files;
using RecService.Engine.Data;

namespace RecService.Engine.Tests.Cli;

public sealed class PairwiseRowsTests
{
    private static readonly FeatureSpace Space = new(["user", "age", "item"], [0, 0, 1, 2, 2]);

    [Fact]
    public void Sides_with_the_same_entries_are_the_same_user_in_whatever_order_they_stand()
    {
        var users = UsersOf([(0, 1f), (2, 0.5f), (3, 1f)], [(3, 1f), (2, 0.5f), (0, 1f)], [(2, 0.5f), (4, 1f), (0, 1f)]);

        users.ShouldBe([0, 0, 0]);
    }

    [Fact]
    public void Sides_with_other_values_or_other_columns_are_other_users()
    {
        var users = UsersOf(
            [(0, 1f), (2, 0.5f), (3, 1f)],
            [(0, 1f), (2, 0.75f), (3, 1f)],
            [(1, 1f), (2, 0.5f), (3, 1f)],
            [(0, 0.5f), (2, 1f), (3, 1f)],
            [(0, 1f), (3, 1f)]
        );

        users.ShouldBe([0, 1, 2, 3, 4]);
    }

    private static int[] UsersOf(params (int Column, float Value)[][] rows)
    {
        var builder = new SparseRowsBuilder();
        foreach (var row in rows)
        {
            foreach (var (column, value) in row)
            {
                builder.Add(column, value);
            }

            builder.EndRow();
        }

        return new PairwiseRows(Space, ["user", "age"]).UsersOf(new(builder.Build(), new float[rows.Length]));
    }
}
