using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Scoring;

public sealed class RankingTests
{
    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Whatever_is_asked_of_a_changing_catalogue_is_what_brute_force_finds(Crossing crossing)
    {
        var random = new RandomSource(61);
        for (var trial = 0; trial < 48; trial++)
        {
            var space = RandomModels.Space(5);
            var scale = (trial % 8) switch
            {
                0 => 1e-3,
                1 => 30,
                2 => 1e17,
                3 => 1e25,
                _ => 0.4,
            };
            var model = RandomModels.Model(space, crossing, random.Below(40), random, scale);
            model = WithoutFactors(model, field: 4);
            var kernel = FactorizationKernel.All[^(1 + (trial / 2 % FactorizationKernel.All.Count))];
            var rows = Rows(space, random, trial % 3 == 0 ? random.Below(70) : 900 + random.Below(1400), fields: 4);
            var ranker = new ItemRanker(model, Build(rows), kernel, RolesOf(rows.Count, space, random)) { InFloats = trial % 2 == 1 };
            for (var step = 0; step < 2; step++)
            {
                int[] replaced = [.. Enumerable.Range(0, rows.Count == 0 ? 0 : 20).Select(_ => random.Below(rows.Count))];
                int[] changed = [.. replaced, rows.Count, rows.Count + 1];
                var with = Rows(space, random, changed.Length, fields: 4);
                rows.AddRange(with[^2..]);
                var names = rows.Select(_ => random.NextDouble()).ToArray();
                var order = step == 0 ? null : Comparer<int>.Create((a, b) => names[a].CompareTo(names[b]));
                ranker = ranker.With(changed, Build(with), RolesOf(changed.Length, space, random), order);

                RankingRequest[] requests = [.. Enumerable.Range(0, 12).Select(request => Request(ranker, space, random, request))];
                var expected = requests.Select(request => BruteForce(ranker, kernel, request)).ToArray();
                var message = $"trial {trial}, step {step}";
                for (var r = 0; r < requests.Length; r++)
                {
                    var (row, count, allowed, repeats) = requests[r];
                    ranker.Top(row.Row, count, allowed, repeats).ShouldBe(expected[r], $"{message}, request {r}");
                    ranker.Top(row.Row, 0, allowed, repeats).ShouldBeEmpty();
                    ranker.Top(row.Row, count, allowed, repeats, threads: 3).ShouldBe(expected[r], $"{message}, request {r}, threads");
                }

                ranker.TopMany(requests).ShouldBe(expected, message);
                ranker.TopMany(requests, threads: 2).ShouldBe(expected, message);
            }
        }
    }

    [Fact]
    public void The_most_similar_items_are_the_first_of_all()
    {
        var random = new RandomSource(62);
        for (var trial = 0; trial < 60; trial++)
        {
            var space = RandomModels.Space(4);
            var crossing = (Crossing)(trial % 3);
            var model = RandomModels.Model(space, crossing, 1 + random.Below(30), random, trial % 5 == 0 ? 1e15 : 0.3);
            var rows = Rows(space, random, 1100 + random.Below(300), fields: 4);
            var ranker = new ItemRanker(model, Build(rows)) { InFloats = trial % 4 == 3 };
            var item = random.Below(rows.Count);
            // Where every item is asked for, none can be passed over.
            var all = ranker.Similar(item, ranker.Count);
            all.Length.ShouldBe(ranker.Count - 1);
            var allowed = RandomSet(ranker.Count, random, share: 0.4);

            ranker.Similar(item, 1).ShouldBe(all[..1]);
            ranker.Similar(item, 30).ShouldBe(all[..30]);
            ranker.Similar(item, 17, allowed).ShouldBe(all.Where(similar => allowed[similar.Item]).Take(17));
            ranker.Similar(item, 17, allowed, threads: 2).ShouldBe(all.Where(similar => allowed[similar.Item]).Take(17));
        }
    }

    [Fact]
    public void A_request_allocates_as_much_whatever_the_number_of_items()
    {
        var random = new RandomSource(63);
        var space = new FeatureSpace(["user", "item"], [0, .. Enumerable.Repeat(1, 1000)]);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 8, random);
        long? expected = null;
        foreach (var count in new[] { 1_000, 200_000 })
        {
            var rows = new SparseRowsBuilder();
            for (var item = 0; item < count; item++)
            {
                rows.Add(1 + random.Below(1000));
                rows.Add(1 + random.Below(1000), 0.5f);
                rows.EndRow();
            }

            var ranker = new ItemRanker(model, rows.Build());
            var (few, half) = (RandomSet(count, random, 0.01), RandomSet(count, random, 0.5));
            var allocated = 0L;
            // Not the first time, when buffers are made that are kept.
            for (var time = 0; time < 3; time++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                ranker.Top(new([0]), 10);
                ranker.Top(new([0]), 10, few);
                ranker.Top(new([0]), 10, half);
                ranker.Similar(5, 10, half);
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            }

            allocated.ShouldBe(expected ??= allocated);
        }
    }

    [Fact]
    public void No_number_of_items_with_one_score_is_too_many()
    {
        var space = new FeatureSpace(["user", "item"], [0, 1]);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 4, new(64));
        var ranker = new ItemRanker(model, Build([.. Enumerable.Repeat(Single(1), 5000)]), order: Comparer<int>.Create((a, b) => b.CompareTo(a)));

        ranker.Top(new([0]), 40).Select(ranked => ranked.Item).ShouldBe(Enumerable.Range(0, 40).Select(rank => 4999 - rank));
        ranker.Similar(4999, 3).Select(ranked => ranked.Item).ShouldBe([4998, 4997, 4996]);
        ranker.TopMany([]).ShouldBeEmpty();
        Should.Throw<ArgumentOutOfRangeException>(() => ranker.Top(new([0]), 1, threads: 0));
    }

    private static RankingRequest Request(ItemRanker ranker, FeatureSpace space, RandomSource random, int request)
    {
        // Every fourth has a field that items have, too.
        var row = RandomModels.Row(space, random, share: 0.4, numeric: request % 3 == 0, fields: field => request % 4 == 3 ? field <= 2 : field < 2);
        var allowed = (request % 6) switch
        {
            0 => null,
            1 => new ItemSet(ranker.Count, all: true),
            2 => RandomSet(ranker.Count, random, share: 0.01),
            3 => RandomSet(ranker.Count, random, share: 0.08),
            4 => RandomSet(ranker.Count, random, share: 0.6),
            _ => new ItemSet(ranker.Count),
        };
        var repeats = Enumerable.Range(0, ranker.Count).Where(_ => random.NextDouble() < 0.02).Select(item => new RepeatedItem(item, random.Below(3)));
        return new(row, 1 + random.Below(67), allowed, request % 2 == 0 ? null : [.. repeats]);
    }

    private static RankedItem[] BruteForce(ItemRanker ranker, FactorizationKernel kernel, RankingRequest request)
    {
        var scorer = new Scorer(ranker.Model, kernel);
        var repeats = (request.Repeats ?? []).ToDictionary(repeat => repeat.Item, repeat => repeat.Value);
        var scored = new List<RankedItem>();
        for (var item = 0; item < ranker.Count; item++)
        {
            if (request.Allowed?[item] ?? true)
            {
                scored.Add(new(item, scorer.Score(ranker.Join(request.Row.Row, item, repeats.GetValueOrDefault(item)))));
            }
        }

        return [.. scored.OrderByDescending(ranked => ranked.Score).ThenBy(ranked => ranked.Item, ranker.Order).Take(request.Count)];
    }

    /// <summary>Rows of fields 2 and up, many of which are the same as another, or nearly.</summary>
    private static List<RowBuffer> Rows(FeatureSpace space, RandomSource random, int count, int fields)
    {
        var rows = new List<RowBuffer>();
        for (var row = 0; row < count; row++)
        {
            rows.Add(
                row % 3 == 2
                    ? rows[random.Below(row)]
                    : RandomModels.Row(space, random, share: 0.3, numeric: row % 2 == 0, fields: field => field >= 2 && field < fields)
            );
        }

        return rows;
    }

    private static ItemRoles RolesOf(int count, FeatureSpace space, RandomSource random)
    {
        var none = SparseRows.FromDense([], count, 0);
        return new(none, none, Build([.. Enumerable.Range(0, count).Select(_ => RandomModels.Row(space, random, share: 0.3, fields: field => field == 4))]));
    }

    private static ItemSet RandomSet(int length, RandomSource random, double share)
    {
        var set = new ItemSet(length);
        set.Add([.. Enumerable.Range(0, length).Where(_ => random.NextDouble() < share)]);
        return set;
    }

    private static FactorizationModel WithoutFactors(FactorizationModel model, int field)
    {
        var table = model.FactorTable.ToArray();
        for (var column = 0; column < model.Space.ColumnCount; column++)
        {
            if (model.Space.ColumnFields[column] == field)
            {
                table.AsSpan(model.Space.FactorOf(column) * model.Stride, model.Stride).Clear();
            }
        }

        float[]? fieldWeights = model.FieldWeights.IsEmpty ? null : [.. model.FieldWeights];
        return new(model.Space, model.Crossing, model.Loss, model.Factors, model.Bias, [.. model.Weights], table, fieldWeights: fieldWeights);
    }

    private static RowBuffer Single(int column)
    {
        var row = new RowBuffer();
        row.Add(column);
        return row;
    }

    private static SparseRows Build(List<RowBuffer> rows)
    {
        var builder = new SparseRowsBuilder();
        foreach (var row in rows)
        {
            builder.AddRow(row.Row);
        }

        return builder.Build();
    }
}
