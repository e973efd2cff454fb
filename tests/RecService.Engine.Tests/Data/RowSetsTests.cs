using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data;

public sealed class RowSetsTests
{
    [Fact]
    public void Runs_make_the_sets_that_their_pairs_make()
    {
        var random = new RandomSource(3);
        int[] rows = [.. Enumerable.Range(0, 500).Select(_ => random.Below(40)).Order()];
        int[] members = [.. rows.Select(_ => random.Below(25))];
        int[] offsets = [.. Enumerable.Range(0, 41).Select(row => rows.Count(other => other < row))];

        var runs = RowSets.FromRuns(offsets, members);

        var pairs = RowSets.FromPairs(40, rows, members);
        runs.Count.ShouldBe(40);
        Enumerable.Range(0, 40).Select(row => runs[row].ToArray()).ShouldBe(Enumerable.Range(0, 40).Select(row => pairs[row].ToArray()));
    }

    [Fact]
    public void The_transposed_sets_say_by_member_which_sets_hold_it()
    {
        var sets = RowSets.FromRuns([0, 3, 3, 5], [2, 0, 2, 3, 0]);

        var transposed = sets.Transposed(5);

        transposed.Count.ShouldBe(5);
        string.Join(" | ", Enumerable.Range(0, 5).Select(member => string.Join(',', transposed[member].ToArray()))).ShouldBe("0,2 |  | 0 | 2 | ");
        Should.Throw<ArgumentException>(() => sets.Transposed(3)).Message.ShouldContain("member 3");
    }

    [Theory]
    [InlineData(new int[0], new[] { 1 })]
    [InlineData(new[] { 1, 1 }, new[] { 1 })]
    [InlineData(new[] { 0, 2 }, new[] { 1 })]
    [InlineData(new[] { 0, 2, 1 }, new[] { 1 })]
    [InlineData(new[] { 0, 1 }, new[] { -1 })]
    public void Runs_that_do_not_fit_are_refused(int[] offsets, int[] members) =>
        Should.Throw<ArgumentException>(() => RowSets.FromRuns(offsets, members));
}
