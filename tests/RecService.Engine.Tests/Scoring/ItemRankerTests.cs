using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Scoring;

public sealed class ItemRankerTests
{
    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Ranking_equals_brute_force(Crossing crossing)
    {
        var random = new RandomSource(31);
        for (var trial = 0; trial < 600; trial++)
        {
            var space = RandomModels.Space(2 + random.Below(4), shared: trial % 2 == 0);
            var scale = (trial % 6) switch
            {
                0 => 1e-4,
                1 => 100,
                2 => 1e6,
                3 => 0,
                _ => 0.5,
            };
            var model = RandomModels.Model(space, crossing, random.Below(35), random, scale);
            var items = Items(space, random, 1 + random.Below(200), numeric: trial % 4 < 2);
            var request = RandomModels.Row(space, random, share: 0.4, numeric: trial % 3 == 0, fields: field =>
                trial % 5 == 0 ? field <= 2 : field < 2
            );
            var kernel = FactorizationKernel.All[trial % FactorizationKernel.All.Count];
            bool[] excluded = trial % 2 == 0 ? [] : [.. Enumerable.Range(0, items.Count).Select(_ => random.NextDouble() < (trial % 3 == 0 ? 0.95 : 0.3))];
            foreach (var count in new[] { 1, 10, items.Count + 5 })
            {
                new ItemRanker(model, items, kernel)
                    .Top(request.Row, count, Allowed(excluded))
                    .ShouldBe(BruteForce(new(model, kernel), request, items, excluded, count), $"trial {trial}, count {count}");
            }
        }
    }

    [Fact]
    public void Factors_near_overflow_are_ranked_too()
    {
        var random = new RandomSource(32);
        for (var trial = 0; trial < 60; trial++)
        {
            var space = RandomModels.Space(4);
            var crossing = trial % 3 == 0 ? Crossing.FieldWeighted : Crossing.FieldPooled;
            var model = RandomModels.Model(space, crossing, 8, random, scale: trial % 2 == 0 ? 1e18 : 1e25);
            var items = Items(space, random, 60, numeric: false);
            var request = RandomModels.Row(space, random, fields: field => field < 2);
            var top = new ItemRanker(model, items).Top(request.Row, 10);
            top.ShouldBe(BruteForce(new(model), request, items, [], 10));
        }
    }

    [Fact]
    public void Rows_with_very_many_entries_are_ranked_exactly()
    {
        var random = new RandomSource(33);
        int[] fields = [.. Enumerable.Range(0, 4_000).Select(c => c < 2_000 ? 0 : 1)];
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var model = RandomModels.Model(new(["user", "item"], fields), crossing, 3, random);
            // Items that have nearly the same entries in another order differ by rounding only.
            var builder = new SparseRowsBuilder(4_000);
            var columns = Enumerable.Range(2_000, 2_000).ToArray();
            for (var item = 0; item < 40; item++)
            {
                random.Shuffle(columns.AsSpan());
                foreach (var column in columns)
                {
                    builder.Add(column, 0.1f);
                }

                builder.EndRow();
            }

            var items = builder.Build();
            var request = RandomModels.Row(model.Space, random, numeric: true, fields: field => field == 0);
            new ItemRanker(model, items).Top(request.Row, 10).ShouldBe(BruteForce(new(model), request, items, [], 10));
        }
    }

    [Fact]
    public void Items_of_equal_score_come_in_their_own_order()
    {
        var space = new FeatureSpace(["user", "item"], [0, 1, 1]);
        var model = new FactorizationModel(space, Crossing.FieldPooled, Loss.Squared, 1, 0, [0, 1, 2], new float[3 * 16]);
        var builder = new SparseRowsBuilder(3);
        for (var item = 0; item < 100; item++)
        {
            builder.Add(item % 10 == 7 ? 2 : 1);
            builder.EndRow();
        }

        new ItemRanker(model, builder.Build()).Top(new([0]), 12).Select(r => r.Item).ShouldBe([7, 17, 27, 37, 47, 57, 67, 77, 87, 97, 0, 1]);
    }

    [Fact]
    public void A_ranked_score_is_the_score_of_the_joined_row()
    {
        var random = new RandomSource(34);
        var space = RandomModels.Space(4);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 16, random);
        var ranker = new ItemRanker(model, Items(space, random, 30, numeric: true));
        var request = RandomModels.Row(space, random, fields: field => field < 2);
        foreach (var (item, score) in ranker.Top(request.Row, 30))
        {
            ranker.Score(request.Row, item).ShouldBe(score);
        }
    }

    [Fact]
    public void All_scores_at_once_are_those_of_the_joined_rows()
    {
        var random = new RandomSource(37);
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var space = RandomModels.Space(4);
            var ranker = new ItemRanker(RandomModels.Model(space, crossing, 16, random), Items(space, random, 30, numeric: true));
            foreach (var requestFields in new[] { 2, 3 })
            {
                // A third field is one that items have, too.
                var request = RandomModels.Row(space, random, fields: field => field < requestFields);
                var scores = new float[30];
                ranker.ScoreAll(request.Row, scores);
                for (var item = 0; item < 30; item++)
                {
                    scores[item].ShouldBe(ranker.Score(request.Row, item), 1e-3f);
                }
            }

            Should.Throw<ArgumentException>(() => ranker.ScoreAll(default, new float[29]));
        }
    }

    [Fact]
    public void Similar_items_leave_out_what_is_excluded()
    {
        var random = new RandomSource(38);
        var space = RandomModels.Space(3);
        var ranker = new ItemRanker(RandomModels.Model(space, Crossing.FieldPooled, 9, random), Items(space, random, 40, numeric: true));
        bool[] excluded = [.. Enumerable.Range(0, 40).Select(item => item % 3 == 0)];
        ranker.Similar(1, 5, Allowed(excluded)).ShouldBe(ranker.Similar(1, 40).Where(s => !excluded[s.Item]).Take(5));
        Should.Throw<ArgumentException>(() => ranker.Similar(1, 5, new ItemSet(39)));
    }

    [Fact]
    public void Similar_items_are_those_with_the_highest_cosine()
    {
        var random = new RandomSource(35);
        var space = RandomModels.Space(3);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 9, random);
        var ranker = new ItemRanker(model, Items(space, random, 80, numeric: true));
        for (var item = 0; item < ranker.Count; item++)
        {
            var similar = ranker.Similar(item, 7);
            similar.Length.ShouldBe(7);
            similar.ShouldBe(similar.OrderByDescending(s => s.Score).ThenBy(s => s.Item));
            similar.ShouldAllBe(s => s.Item != item);
            foreach (var (other, cosine) in similar)
            {
                ((double)cosine).ShouldBe(Cosine(ranker, item, other), 1e-5);
            }

            var worst = similar[^1].Score;
            Enumerable
                .Range(0, ranker.Count)
                .Except(similar.Select(s => s.Item))
                .ShouldAllBe(other => other == item || Cosine(ranker, item, other) <= worst + 1e-5);
        }

        ranker.Similar(0, 1_000).Length.ShouldBe(79);
        ranker.Similar(0, 0).ShouldBeEmpty();
        Should.Throw<ArgumentOutOfRangeException>(() => ranker.Similar(80, 1));
    }

    [Fact]
    public void The_vector_of_an_item_in_a_field_weighted_model_is_that_of_each_of_its_fields()
    {
        var random = new RandomSource(39);
        var space = RandomModels.Space(5);
        var model = RandomModels.Model(space, Crossing.FieldWeighted, 7, random);
        var items = Items(space, random, 20, numeric: true);
        var ranker = new ItemRanker(model, items);
        for (var item = 0; item < items.Count; item++)
        {
            var pooled = RandomModels.Naive(model, items[item]).Pooled;
            ranker.Vector(item).Length.ShouldBe((2 * 16) + 7);
            for (var part = 0; part < 3; part++)
            {
                ranker.Vector(item).Slice(part * 16, 7).ToArray().ShouldBe(pooled.Skip((part + 2) * 7).Take(7).Select(p => (float)p), 1e-5f);
            }
        }
    }

    [Fact]
    public void Likeness_in_a_field_weighted_model_is_the_correlation_of_what_items_add_to_the_scores_of_requests()
    {
        var random = new RandomSource(40);
        var space = RandomModels.Space(4);
        var model = RandomModels.Model(space, Crossing.FieldWeighted, 3, random);
        var ranker = new ItemRanker(model, Items(space, random, 12, numeric: true));
        var similar = ranker.Similar(0, 20).ToDictionary(s => s.Item, s => (double)s.Score);
        // Requests have fields 0 and 1, whose vectors point anywhere and are as long as those of their columns.
        double[] lengths =
        [
            .. Enumerable
                .Range(0, 2)
                .Select(f => Math.Sqrt(Enumerable.Range(f * 5, 5).Average(c => model.FactorsOf(c).ToArray().Sum(v => (double)v * v)))),
        ];
        var sums = new double[ranker.Count];
        var squares = new double[ranker.Count];
        for (var request = 0; request < 60_000; request++)
        {
            double[] pooled = [.. Enumerable.Range(0, 6).Select(i => lengths[i / 3] * random.NextNormal())];
            double[] added = [.. Enumerable.Range(0, ranker.Count).Select(item => Added(item, pooled))];
            for (var item = 0; item < added.Length; item++)
            {
                sums[item] += added[item] * added[0];
                squares[item] += added[item] * added[item];
            }
        }

        for (var item = 1; item < ranker.Count; item++)
        {
            similar[item].ShouldBe(squares[item] > 0 ? sums[item] / Math.Sqrt(squares[item] * squares[0]) : 0, 0.03);
        }

        double Added(int item, double[] request)
        {
            var added = 0.0;
            for (var part = 0; part < 2; part++)
            {
                for (var i = 0; i < request.Length; i++)
                {
                    added += model.FieldWeight(part + 2, i / 3) * request[i] * ranker.Vector(item)[(part * 16) + (i % 3)];
                }
            }

            return added;
        }
    }

    [Fact]
    public void Similar_items_do_not_depend_on_the_scale_and_sign_of_factors_that_field_weights_take_back()
    {
        var random = new RandomSource(41);
        var space = RandomModels.Space(4);
        var model = RandomModels.Model(space, Crossing.FieldWeighted, 6, random);
        var items = Items(space, random, 30, numeric: true);
        float[] scales = [4, 0.5f, -8, 0.25f];
        var table = model.FactorTable.ToArray();
        for (var i = 0; i < table.Length; i++)
        {
            table[i] *= scales[i / 16 / RandomModels.ColumnsPerField];
        }

        float[] weights = [.. model.FieldWeights.ToArray().Select((r, i) => r / (scales[i / 4] * scales[i % 4]))];
        var same = new FactorizationModel(
            space,
            Crossing.FieldWeighted,
            Loss.Squared,
            6,
            model.Bias,
            model.Weights.ToArray(),
            table,
            fieldWeights: weights
        );
        var (expected, actual) = (new ItemRanker(model, items).Similar(0, 30), new ItemRanker(same, items).Similar(0, 30));
        actual.Select(s => s.Item).ShouldBe(expected.Select(s => s.Item));
        actual.Select(s => s.Score).ToArray().ShouldBe(expected.Select(s => s.Score), 1e-5f);
    }

    [Fact]
    public void Likeness_with_field_weights_of_1_is_that_of_a_field_pooled_model()
    {
        var random = new RandomSource(42);
        var space = RandomModels.Space(4);
        var pooled = RandomModels.Model(space, Crossing.FieldPooled, 9, random);
        var weighted = new FactorizationModel(
            space,
            Crossing.FieldWeighted,
            Loss.Squared,
            9,
            pooled.Bias,
            pooled.Weights.ToArray(),
            pooled.FactorTable.ToArray(),
            fieldWeights: [.. Enumerable.Range(0, 16).Select(i => i / 4 == i % 4 ? 0f : 1f)]
        );
        var items = Items(space, random, 40, numeric: true);
        var expected = new ItemRanker(pooled, items).Similar(3, 40).ToDictionary(s => s.Item, s => s.Score);
        foreach (var (item, score) in new ItemRanker(weighted, items).Similar(3, 40))
        {
            score.ShouldBe(expected[item], 1e-5f);
        }
    }

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Items_that_come_again_are_ranked_with_their_term(Crossing crossing)
    {
        var random = new RandomSource(41);
        for (var trial = 0; trial < 60; trial++)
        {
            var space = RandomModels.Space(5);
            var model = RandomModels.Model(space, crossing, random.Below(20), random, trial % 3 == 0 ? 100 : 0.5);
            // Items have fields 2 and 3; coming again is a matter of columns of field 4, which do not cross.
            var (items, repeat) = (new SparseRowsBuilder(space.ColumnCount), new SparseRowsBuilder(space.ColumnCount));
            int[] ofRepeat = [.. Enumerable.Range(0, space.ColumnCount).Where(column => space.ColumnFields[column] == 4)];
            model = WithoutFactors(model, ofRepeat);
            for (var item = 0; item < 50; item++)
            {
                items.AddRow(RandomModels.Row(space, random, share: 0.3, fields: field => field is 2 or 3).Row);
                repeat.Add(ofRepeat[0]);
                repeat.Add(ofRepeat[item % ofRepeat.Length], 0.5f);
                repeat.EndRow();
            }

            var rows = items.Build();
            var none = SparseRows.FromDense(new float[50, 0]);
            var ranker = new ItemRanker(model, rows, roles: new(none, none, repeat.Build()));
            var request = RandomModels.Row(space, random, share: 0.4, fields: field => field < 2);
            RepeatedItem[] repeats = [.. Enumerable.Range(0, 50).Where(item => item % 7 == trial % 7).Select(item => new RepeatedItem(item, 0.5f + random.Below(3)))];
            var scorer = new Scorer(model);
            float ScoreOf(int item)
            {
                var row = new RowBuffer();
                row.Append(ranker.Join(request.Row, item, repeats.FirstOrDefault(repeat => repeat.Item == item).Value));
                return scorer.Score(row.Row);
            }

            RankedItem[] expected =
            [
                .. Enumerable.Range(0, 50).Select(item => new RankedItem(item, ScoreOf(item))).OrderByDescending(ranked => ranked.Score).ThenBy(ranked => ranked.Item),
            ];

            ranker.Top(request.Row, 10, repeats: repeats).ShouldBe(expected[..10]);
            var scores = new float[50];
            ranker.ScoreAll(request.Row, scores, repeats);
            var scale = expected.Max(ranked => Math.Abs(ranked.Score)) + 1;
            foreach (var (item, score) in expected)
            {
                scores[item].ShouldBe(score, 1e-4f * scale);
            }
        }

        var small = new ItemRanker(RandomModels.Model(RandomModels.Space(3), crossing, 2, random), SparseRows.FromDense(new float[2, 0]));
        // What a model has no columns for adds nothing.
        small.Top(default, 2, repeats: [new(1, 5)]).Select(ranked => ranked.Item).ShouldBe([0, 1]);

        static FactorizationModel WithoutFactors(FactorizationModel model, int[] columns)
        {
            var (table, stride) = (model.FactorTable.ToArray(), model.Stride);
            foreach (var column in columns)
            {
                Array.Clear(table, model.Space.FactorOf(column) * stride, stride);
            }

            return new(
                model.Space,
                model.Crossing,
                model.Loss,
                model.Factors,
                model.Bias,
                [.. model.Weights],
                table,
                fieldWeights: model.FieldWeights.IsEmpty ? null : [.. model.FieldWeights]
            );
        }
    }

    [Fact]
    public void Repeats_that_there_cannot_be_are_refused()
    {
        var random = new RandomSource(42);
        var model = RandomModels.Model(RandomModels.Space(3), Crossing.FieldPooled, 2, random);
        var rows = SparseRows.FromDense(new float[2, 3], keepZeros: true);
        var ranker = new ItemRanker(model, rows, roles: new(rows, rows, rows));

        Should.Throw<ArgumentException>(() => ranker.Top(default, 1, repeats: [new(2, 1)])).ParamName.ShouldBe("repeats");
        Should.Throw<ArgumentException>(() => ranker.Top(default, 1, repeats: [new(0, float.NaN)])).ParamName.ShouldBe("repeats");
        Should.Throw<ArgumentException>(() => new ItemRanker(model, rows, roles: new(rows, rows, SparseRows.FromDense(new float[3, 3])))).Message.ShouldContain("2 items");
    }

    [Fact]
    public void Wrong_arguments_are_refused_and_an_empty_catalogue_is_not()
    {
        var random = new RandomSource(36);
        var space = RandomModels.Space(2);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 3, random);
        var ranker = new ItemRanker(model, Items(space, random, 5, numeric: false));
        Should.Throw<ArgumentException>(() => ranker.Top(default, 1, new ItemSet(4)));
        Should.Throw<ArgumentOutOfRangeException>(() => ranker.Top(default, -1));
        Should
            .Throw<ArgumentException>(() => new ItemRanker(model, SparseRows.FromDense(new float[1, 11], keepZeros: true)))
            .Message.ShouldContain("columns up to 10");
        ranker.Top(default, 0).ShouldBeEmpty();
        ranker.Top(default, 3, new ItemSet(5)).ShouldBeEmpty();
        new ItemRanker(model, new SparseRowsBuilder().Build()).Top(default, 3).ShouldBeEmpty();
    }

    /// <summary>Items of fields 2 and up (1 and up when there are only two), every third a copy of an earlier one.</summary>
    private static SparseRows Items(FeatureSpace space, RandomSource random, int count, bool numeric)
    {
        var builder = new SparseRowsBuilder(space.ColumnCount);
        var rows = new List<RowBuffer>();
        for (var item = 0; item < count; item++)
        {
            rows.Add(
                item % 3 == 2
                    ? rows[random.Below(item)]
                    : RandomModels.Row(space, random, share: 0.3, numeric, fields: field => field >= Math.Min(2, space.FieldCount - 1))
            );
            builder.Add(rows[^1].Row);
            builder.EndRow();
        }

        return builder.Build();
    }

    private static ItemSet? Allowed(bool[] excluded)
    {
        if (excluded.Length == 0)
        {
            return null;
        }

        var allowed = new ItemSet(excluded.Length);
        allowed.Add([.. Enumerable.Range(0, excluded.Length).Where(item => !excluded[item])]);
        return allowed;
    }

    private static RankedItem[] BruteForce(Scorer scorer, RowBuffer request, SparseRows items, bool[] excluded, int count)
    {
        var scored = new List<RankedItem>();
        for (var item = 0; item < items.Count; item++)
        {
            if (excluded.Length == 0 || !excluded[item])
            {
                var row = new RowBuffer();
                row.Append(request.Row);
                row.Append(items[item]);
                scored.Add(new(item, scorer.Score(row.Row)));
            }
        }

        return [.. scored.OrderByDescending(s => s.Score).ThenBy(s => s.Item).Take(count)];
    }

    private static double Cosine(ItemRanker ranker, int a, int b)
    {
        var (dot, normA, normB) = (0.0, 0.0, 0.0);
        for (var d = 0; d < ranker.Model.Factors; d++)
        {
            var (x, y) = ((double)ranker.Vector(a)[d], (double)ranker.Vector(b)[d]);
            (dot, normA, normB) = (dot + (x * y), normA + (x * x), normB + (y * y));
        }

        return normA * normB > 0 ? dot / Math.Sqrt(normA * normB) : 0;
    }
}
