using RecService.Engine.Data;
using RecService.Engine.Kernels.Rows;

namespace RecService.Engine.Tests.Kernels.Rows;

public sealed class FieldOrderTests
{
    private const int Fields = 12;

    private static readonly FeatureSpace Space = new(
        [.. Enumerable.Range(0, Fields).Select(f => $"f{f}")],
        [.. Enumerable.Range(0, 100 * Fields).Select(c => c * 7 % Fields)]
    );

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(20_000)]
    public void Entries_are_put_together_by_field_and_keep_their_order_within_one(int length)
    {
        var random = new Random(length);
        var columns = new int[length];
        for (var entry = 0; entry < length; entry++)
        {
            columns[entry] = random.Next(Space.ColumnCount);
        }

        new FieldOrder(Space).Sort(new(columns)).ToArray().ShouldBe(Enumerable.Range(0, length).OrderBy(entry => Space.ColumnFields[columns[entry]]));
    }

    [Fact]
    public void Rows_no_longer_than_those_before_are_sorted_without_allocating()
    {
        var random = new Random(1);
        int[][] rows =
        [
            .. new[] { 300, 16, 64, 65, 300 }.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(Space.ColumnCount)).ToArray()),
        ];
        var order = new FieldOrder(Space);
        SortAll();
        var before = GC.GetAllocatedBytesForCurrentThread();
        SortAll();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);

        void SortAll()
        {
            foreach (var row in rows)
            {
                order.Sort(new(row));
            }
        }
    }
}
