using RecService.Engine.Data;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data;

public sealed class SparseRowsTests
{
    [Theory]
    [InlineData(3, 3, false)]
    [InlineData(0, 5, true)]
    [InlineData(0, 0, false)]
    [InlineData(1, 1, true)]
    public void Rows_come_back_as_they_were_added(int shortest, int longest, bool values)
    {
        var expected = RandomRows(1_000, shortest, longest, values);

        var rows = Build(expected, new SparseRowsBuilder(50));

        ShouldBeSame(rows, expected);
        rows.ColumnCount.ShouldBe(50);
    }

    [Fact]
    public void Offsets_are_stored_only_where_rows_differ_in_length()
    {
        var same = Build(RandomRows(100, 4, 4, values: false), new());
        var different = Build(
            [
                [(1, 1f)],
                [(2, 1f)],
                [(3, 1f), (4, 1f)],
                [],
            ],
            new()
        );

        same.Width.ShouldBe(4);
        same.Offsets.IsEmpty.ShouldBeTrue();
        different.Width.ShouldBeNull();
        different.Offsets.ToArray().ShouldBe([0, 1, 2, 4, 4]);
    }

    [Fact]
    public void Values_are_stored_only_where_one_is_not_1()
    {
        Build(
            [
                [(1, 1f)],
                [(2, 1f)],
            ],
            new()
        )
            .Values.IsEmpty.ShouldBeTrue();
        Build(
            [
                [(1, 1f)],
                [(2, 0.5f)],
            ],
            new()
        )
            .Values.ToArray()
            .ShouldBe([1, 0.5f]);
    }

    [Fact]
    public void Without_rows_there_is_nothing()
    {
        var rows = new SparseRowsBuilder().Build();

        (rows.Count, rows.EntryCount, rows.ColumnCount, rows.Width).ShouldBe((0, 0L, 0, 0));
        Should.Throw<ArgumentOutOfRangeException>(() => rows[0].Length);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(0, 4)]
    public void A_builder_goes_on_after_it_has_built_and_leaves_that_block_as_it_was(int shortest, int longest)
    {
        var expected = RandomRows(200, shortest, longest, values: true);
        for (var first = 0; first < expected.Length; first += 13)
        {
            var builder = new SparseRowsBuilder();
            builder.Reserve(first, expected[..first].Sum(row => row.Length));
            var before = Build(expected[..first], builder);

            var after = Build(expected[first..], builder);

            ShouldBeSame(before, expected[..first]);
            ShouldBeSame(after, expected);
        }
    }

    [Fact]
    public void Reserved_room_that_is_filled_is_not_copied()
    {
        const int Rows = 100_000;
        var builder = new SparseRowsBuilder();
        builder.Reserve(Rows, 2 * Rows);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var row = 0; row < Rows; row++)
        {
            builder.Add(row);
            builder.Add(1);
            builder.EndRow();
        }

        builder.Build().EntryCount.ShouldBe(2 * Rows);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(10_000);
    }

    [Fact]
    public void Columns_can_be_put_in_other_places()
    {
        var builder = new SparseRowsBuilder();
        Fill(
            [
                [(0, 1f), (2, 1f)],
                [(1, 1f)],
            ],
            builder
        );

        builder.MoveColumns([3, 7, 4]);

        var rows = builder.Build();
        ShouldBeSame(
            rows,
            [
                [(3, 1f), (4, 1f)],
                [(7, 1f)],
            ]
        );
        rows.ColumnCount.ShouldBe(8);
    }

    private static (int Column, float Value)[][] RandomRows(int count, int shortest, int longest, bool values)
    {
        var random = new RandomSource(7);
        return
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ =>
                    Enumerable
                        .Range(0, shortest + random.Below(longest - shortest + 1))
                        .Select(_ => (random.Below(50), values ? (float)random.NextNormal() : 1f))
                        .ToArray()
                ),
        ];
    }

    private static SparseRows Build((int Column, float Value)[][] rows, SparseRowsBuilder builder)
    {
        Fill(rows, builder);
        return builder.Build();
    }

    private static void Fill((int Column, float Value)[][] rows, SparseRowsBuilder builder)
    {
        foreach (var row in rows)
        {
            foreach (var (column, value) in row)
            {
                builder.Add(column, value);
            }

            builder.EndRow();
        }
    }

    private static void ShouldBeSame(SparseRows actual, (int Column, float Value)[][] expected)
    {
        actual.Count.ShouldBe(expected.Length);
        actual.EntryCount.ShouldBe(expected.Sum(row => row.Length));
        actual.OffsetOf(expected.Length).ShouldBe((int)actual.EntryCount);
        for (var r = 0; r < expected.Length; r++)
        {
            var row = actual[r];
            row.Columns.ToArray().ShouldBe(expected[r].Select(entry => entry.Column));
            for (var entry = 0; entry < row.Length; entry++)
            {
                row.ValueAt(entry).ShouldBe(expected[r][entry].Value);
            }
        }
    }
}
