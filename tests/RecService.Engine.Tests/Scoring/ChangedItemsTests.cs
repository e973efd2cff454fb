using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Scoring;

public sealed class ChangedItemsTests
{
    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void A_ranker_with_changed_items_ranks_as_one_made_of_them(Crossing crossing)
    {
        var random = new RandomSource(51);
        for (var trial = 0; trial < 40; trial++)
        {
            var space = RandomModels.Space(5);
            var model = RandomModels.Model(space, crossing, random.Below(20), random);
            // Around a chunk's border; fields that items bring later are new to a ranker.
            var rows = Enumerable.Range(0, trial % 4 == 0 ? random.Below(3) : 1000 + random.Below(60)).Select(_ => Row(space, random, 3)).ToList();
            var roles = trial % 2 == 0 ? null : Roles(rows.Count, space, random, rows.Count);
            var ranker = new ItemRanker(model, Build(rows), roles: roles);
            for (var step = 0; step < 4; step++)
            {
                var (former, formerRows) = (ranker, rows.ToArray());
                int[] items =
                [
                    .. Enumerable.Range(0, Math.Min(5, rows.Count)).Select(_ => random.Below(rows.Count)),
                    .. Enumerable.Range(rows.Count, random.Below(20)),
                ];
                var changed = items.Select(_ => Row(space, random, 3 + (step / 2))).ToArray();
                var changedRoles = roles is null ? null : Roles(items.Length, space, random, items.Length);
                rows.AddRange(Enumerable.Repeat(new RowBuffer(), Math.Max(0, items.Append(-1).Max() + 1 - rows.Count)));
                for (var i = 0; i < items.Length; i++)
                {
                    rows[items[i]] = changed[i];
                }

                var names = rows.Select(_ => random.NextDouble()).ToArray();
                var order = Comparer<int>.Create((a, b) => names[a].CompareTo(names[b]));
                ranker = ranker.With(items, Build(changed), changedRoles, order);

                var request = RandomModels.Row(space, random, fields: field => field < 2);
                SameAs(new(model, Build(rows), roles: ranker.Roles, order: order), ranker, request);
                SameAs(new(model, Build(formerRows), roles: former.Roles, order: former.Order), former, request);
            }
        }
    }

    [Fact]
    public void Rows_and_roles_change_where_they_are_told_to()
    {
        var rows = Build([.. Enumerable.Range(0, 3000).Select(row => Single(row))]);
        var chunks = new RowChunks(rows);
        chunks.ToSparseRows().ShouldBeSameAs(rows);

        var changed = chunks.With([7, 3000, 3001, 3000], Build([Single(1), Single(2), Single(3, 4), Single(5)]));

        changed.Count.ShouldBe(3002);
        changed.EntryCount.ShouldBe(3003);
        changed.ToSparseRows().Count.ShouldBe(3002);
        foreach (var (row, expected) in new[] { (6, 6), (7, 1), (2999, 2999), (3000, 5), (3001, 3) })
        {
            changed[row].Columns[0].ShouldBe(expected);
            changed.ToSparseRows()[row].Columns[0].ShouldBe(expected);
        }

        chunks[7].Columns[0].ShouldBe(7);
        Should.Throw<ArgumentException>(() => chunks.With([3001], Build([Single(1)]))).Message.ShouldContain("3001");
        Should.Throw<ArgumentException>(() => chunks.With([-1], Build([Single(1)])));
        Should.Throw<ArgumentException>(() => chunks.With([1, 2], Build([Single(1)])));

        // The first to come again brings the field.
        var roles = new ItemRoles(chunks, chunks, Repeat: null).With([3000], new ItemRoles(Build([Single(8)]), Build([Single(9)]), Build([Single(10)])));
        roles.Repeat.ShouldNotBeNull()[3000].Columns[0].ShouldBe(10);
        roles.Repeat[2].Length.ShouldBe(0);
        roles.History[3000].Columns[0].ShouldBe(8);
        roles.Recent[3000].Columns[0].ShouldBe(9);
    }

    [Fact]
    public void Changes_that_there_cannot_be_are_refused()
    {
        var random = new RandomSource(52);
        var model = RandomModels.Model(RandomModels.Space(3), Crossing.FieldPooled, 2, random);
        var ranker = new ItemRanker(model, Build([Single(1), Single(2)]));

        Should.Throw<ArgumentException>(() => ranker.With([3], Build([Single(1)]))).Message.ShouldContain("Row 3");
        Should.Throw<ArgumentException>(() => ranker.With([0], Build([Single(15)]))).Message.ShouldContain("columns up to 15");
        Should.Throw<ArgumentException>(() => ranker.With([0], Build([Single(1)]), Roles(1, model.Space, random, 1))).ParamName.ShouldBe("roles");
        ranker.With([], Build([])).Top(default, 5).ShouldBe(ranker.Top(default, 5));
    }

    private static void SameAs(ItemRanker expected, ItemRanker actual, RowBuffer request)
    {
        RepeatedItem[] repeats = actual.Count > 3 && actual.Roles is not null ? [new(0, 1), new(3, 2)] : [];
        actual.Count.ShouldBe(expected.Count);
        actual.Top(request.Row, 12, repeats: repeats).ShouldBe(expected.Top(request.Row, 12, repeats: repeats));
        if (actual.Count > 0)
        {
            actual.Similar(actual.Count - 1, 12).ShouldBe(expected.Similar(actual.Count - 1, 12));
        }

        for (var item = 0; item < actual.Count; item += 97)
        {
            actual.Vector(item).ToArray().ShouldBe(expected.Vector(item).ToArray());
        }
    }

    private static RowBuffer Row(FeatureSpace space, RandomSource random, int fields) =>
        RandomModels.Row(space, random, share: 0.3, fields: field => field >= 2 && field < fields);

    private static RowBuffer Single(params int[] columns)
    {
        var row = new RowBuffer();
        foreach (var column in columns)
        {
            row.Add(column);
        }

        return row;
    }

    private static ItemRoles Roles(int count, FeatureSpace space, RandomSource random, int rows)
    {
        var repeat = Build([.. Enumerable.Range(0, rows).Select(_ => RandomModels.Row(space, random, share: 0.2, fields: field => field == 4))]);
        return new(SparseRows.FromDense([], count, 0), SparseRows.FromDense([], count, 0), repeat);
    }

    private static SparseRows Build(IEnumerable<RowBuffer> rows)
    {
        var builder = new SparseRowsBuilder();
        foreach (var row in rows)
        {
            builder.AddRow(row.Row);
        }

        return builder.Build();
    }
}
