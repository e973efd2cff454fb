using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Tests.Kernels;
using RecService.Engine.Tests.Training.Sequences;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Scoring;

public sealed class ScorerTests
{
    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void The_parts_of_an_explanation_sum_to_the_score(Crossing crossing)
    {
        var random = new RandomSource(21);
        for (var trial = 0; trial < 500; trial++)
        {
            var space = RandomModels.Space(1 + random.Below(6), shared: trial % 2 == 0);
            var model = RandomModels.Model(space, crossing, random.Below(40), random, scale: trial % 3 == 0 ? 30 : 0.3);
            var row = RandomModels.Row(space, random, numeric: trial % 5 < 3).Row;
            var explanation = new Scorer(model).Explain(row);
            var parts = new[] { explanation.Bias }
                .Concat(explanation.Linear.Select(p => p.Value))
                .Concat(explanation.Pairs.Select(p => p.Value))
                .Select(p => (double)p)
                .ToArray();
            var tolerance = 1e-5 * (1 + parts.Sum(Math.Abs));
            parts.Sum().ShouldBe(explanation.Score, tolerance);
            explanation.Score.ShouldBe(new Scorer(model).Score(row));
        }
    }

    [Fact]
    public void Each_part_of_an_explanation_is_what_its_fields_add()
    {
        var random = new RandomSource(22);
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var space = RandomModels.Space(3);
            var model = RandomModels.Model(space, crossing, 7, random);
            // Field f1 is absent and f2 has one entry only.
            SparseRow row = new([12, 0, 3], [2, 0.5f, -1]);
            var explanation = new Scorer(model).Explain(row);
            explanation.Linear.Select(p => p.Field).ShouldBe(["f0", "f2"]);
            explanation.Linear[0].Value.ShouldBe((0.5f * model.Weights[0]) - model.Weights[3], 1e-5f);
            explanation.Linear[1].Value.ShouldBe(2 * model.Weights[12], 1e-5f);
            var across =
                ((0.5 * 2 * Dot(model, 0, 12)) - (2 * Dot(model, 3, 12)))
                * (crossing == Crossing.FieldWeighted ? model.FieldWeights[2] : 1);
            var within = -0.5 * Dot(model, 0, 3);
            var expected = crossing is Crossing.Plain or Crossing.FieldAware ? new[] { ("f0", "f0", within), ("f0", "f2", across) } : [("f0", "f2", across)];
            explanation.Pairs.Select(p => (p.FieldA, p.FieldB)).ShouldBe(expected.Select(p => (p.Item1, p.Item2)));
            foreach (var (pair, part) in explanation.Pairs.Zip(expected))
            {
                ((double)pair.Value).ShouldBe(part.Item3, 1e-5);
            }
        }
    }

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.FieldWeighted)]
    public void What_each_earlier_item_adds_sums_with_the_rest_to_the_score(Crossing crossing)
    {
        var sequences = new RandomSequences(12);
        var settings = TrainingSettings.For(Loss.Softmax) with { Factors = 7, Epochs = 3, Crossing = crossing, InitialDeviation = 0.5f };
        var history = new HistorySettings { Length = 5 };
        var model = new SequenceTrainer(settings, history).Train(sequences.Space, sequences.Set, features: sequences.Index).Model;
        var ranker = new ItemRanker(model, sequences.Set.Items, roles: sequences.Set.Roles);
        var scorer = new Scorer(model);
        HistoryEvent[] events = [new(1, 1, 1), new(2, 2, 2), new(2, 1, 3), new(5, 1, 4)];
        var pooled = new HistoryPooling(history, sequences.Set.Roles!).Pool(events, 5);
        var request = new RowBuffer();
        sequences.Index.AppendUser(EntityFeatures.Create(null, ["g1"], []), request);
        request.Append(pooled.Row);
        for (var item = 0; item < ranker.Count; item++)
        {
            var repeat = pooled.Repeats.FirstOrDefault(repeat => repeat.Item == item).Value;
            var row = new RowBuffer();
            row.Append(ranker.Join(request.Row, item, repeat));
            var explanation = scorer.Explain(row.Row);
            var because = scorer.Because(pooled, ranker.ItemRows[item]);

            var histories = explanation.Pairs.Where(pair => IsHistory(pair.FieldA) != IsHistory(pair.FieldB) && (IsItem(pair.FieldA) || IsItem(pair.FieldB))).ToList();
            var ofHistory = because.Sum(part => (double)part.Value);
            ofHistory.ShouldBe(histories.Sum(pair => (double)pair.Value), 1e-4 * (1 + because.Sum(part => Math.Abs(part.Value))));
            var rest = explanation.Pairs.Except(histories).Sum(pair => (double)pair.Value) + explanation.Linear.Sum(part => (double)part.Value) + explanation.Bias;
            (rest + ofHistory).ShouldBe(explanation.Score, 1e-4 * (1 + Math.Abs(explanation.Score)));
            explanation.Score.ShouldBe(ranker.Top(request.Row, ranker.Count, repeats: pooled.Repeats).Single(ranked => ranked.Item == item).Score);

            // The event is named, and the column is one of its item.
            because.Select(part => part.Event).Distinct().Order().ShouldBe([0, 1, 2, 3]);
            foreach (var part in because)
            {
                var earlier = events[part.Event].Item;
                var columns = (int[])[.. sequences.Set.Roles!.History[earlier].Columns, .. sequences.Set.Roles.Recent[earlier].Columns];
                columns.ShouldContain(part.Column);
            }

            if (repeat > 0)
            {
                explanation.Linear.Single(part => part.Field == "repeat").Value.ShouldBe(
                    repeat * sequences.Set.Roles!.Repeat![item].Columns.ToArray().Sum(column => model.Weights[column]),
                    1e-5f
                );
            }
        }

        static bool IsHistory(string field) => field is "history" or "history.recent";

        static bool IsItem(string field) => field is "item" or "tag";
    }

    [Fact]
    public void An_empty_row_scores_the_bias()
    {
        var random = new RandomSource(23);
        var model = RandomModels.Model(RandomModels.Space(2), Crossing.FieldPooled, 4, random);
        var scorer = new Scorer(model);
        var (cross, pooled) = (new float[4], new float[8]);
        pooled.AsSpan().Fill(9);
        scorer.CrossFeatures(default, cross, pooled, out var linear, out var score);
        score.ShouldBe(model.Bias);
        linear.ShouldBe(0);
        cross.ShouldAllBe(c => c == 0);
        pooled.ShouldAllBe(p => p == 0);
        scorer.Explain(default).Pairs.ShouldBeEmpty();
    }

    [Fact]
    public void Rendles_example_scores_by_the_textbook_formula()
    {
        var (rows, space) = RendleExample.Rows();
        rows.Count.ShouldBe(7);
        space.ColumnCount.ShouldBe(16);
        var random = new RandomSource(24);
        foreach (var kernel in FactorizationKernel.All)
        {
            var model = RandomModels.Model(space, Crossing.Plain, 5, random);
            var scorer = new Scorer(model, kernel);
            for (var r = 0; r < rows.Count; r++)
            {
                var x = new double[16];
                for (var e = 0; e < rows[r].Length; e++)
                {
                    x[rows[r].Columns[e]] = rows[r].ValueAt(e);
                }

                double y = model.Bias;
                for (var i = 0; i < 16; i++)
                {
                    y += model.Weights[i] * x[i];
                    for (var j = i + 1; j < 16; j++)
                    {
                        y += Dot(model, i, j) * x[i] * x[j];
                    }
                }

                ((double)scorer.Score(rows[r])).ShouldBe(y, 1e-5 * (1 + RandomModels.Naive(model, rows[r]).Magnitude));
            }
        }
    }

    [Fact]
    public void Threads_share_a_scorer()
    {
        var random = new RandomSource(25);
        var space = RandomModels.Space(4);
        var scorer = new Scorer(RandomModels.Model(space, Crossing.FieldPooled, 33, random));
        var rows = Enumerable.Range(0, 500).Select(_ => RandomModels.Row(space, random, numeric: true)).ToArray();
        var alone = rows.Select(row => scorer.Score(row.Row)).ToArray();
        var together = new float[rows.Length];
        Parallel.For(0, rows.Length, new() { MaxDegreeOfParallelism = 8 }, r => together[r] = scorer.Score(rows[r].Row));
        together.ShouldBe(alone);
    }

    [Fact]
    public void Scoring_allocates_nothing()
    {
        var random = new RandomSource(26);
        var space = RandomModels.Space(4);
        var scorer = new Scorer(RandomModels.Model(space, Crossing.FieldPooled, 33, random));
        var row = RandomModels.Row(space, random);
        scorer.Score(row.Row);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            scorer.Score(row.Row);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Wrong_arguments_are_refused()
    {
        var random = new RandomSource(27);
        var space = RandomModels.Space(2);
        var scorer = new Scorer(RandomModels.Model(space, Crossing.FieldPooled, 4, random));
        Should.Throw<IndexOutOfRangeException>(() => scorer.Score(new([10])));
        Should.Throw<IndexOutOfRangeException>(() => scorer.Score(new([-1])));
        Should.Throw<ArgumentException>(() => scorer.CrossFeatures(default, new float[3], new float[8], out _, out _)).Message.ShouldContain("4");
        Should.Throw<ArgumentException>(() => scorer.CrossFeatures(default, new float[4], new float[7], out _, out _));
        // A failure leaves a scorer as good as before.
        scorer.Score(new([1, 7])).ShouldBe(new Scorer(scorer.Model).Score(new([1, 7])));
    }

    private static double Dot(FactorizationModel model, int i, int j)
    {
        var (vi, vj) = (RandomModels.VectorFor(model, i, model.Space.ColumnFields[j]), RandomModels.VectorFor(model, j, model.Space.ColumnFields[i]));
        return vi.Zip(vj, (a, b) => (double)a * b).Sum();
    }

    [Theory]
    [MemberData(nameof(KernelTests.Kernels), MemberType = typeof(KernelTests))]
    public void Many_examples_at_once_score_as_each_by_itself(string kernel)
    {
        var random = new RandomSource(31);
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            foreach (var k in new[] { 0, 1, 8, 16, 24, 32, 64, 67 })
            {
                foreach (var shared in new[] { false, true })
                {
                    var space = RandomModels.Space(4, shared);
                    var scorer = new Scorer(RandomModels.Model(space, crossing, k, random), FactorizationKernel.ByName(kernel));
                    Check(scorer, OneHot(space, 300, random));
                    Check(scorer, Numeric(space, 300, random));
                    // Blocks that share a field, and rows in another order.
                    int[] order = [.. Enumerable.Range(0, 300).Select(_ => random.Below(300))];
                    Check(scorer, new([Numeric(space, 300, random).Blocks[0], OneHot(space, 300, random).Blocks[0]], [order, null], new float[300]));
                }
            }
        }

        static void Check(Scorer scorer, ExampleSet examples)
        {
            var scores = new float[examples.Count];
            scorer.Score(examples, scores);
            var buffer = new RowBuffer();
            for (var example = 0; example < examples.Count; example++)
            {
                var row = examples.Gather(example, buffer);
                ((double)scores[example]).ShouldBe(
                    scorer.Score(row),
                    1e-5 * (1 + RandomModels.Naive(scorer.Model, row).Magnitude),
                    $"{scorer.Model.Crossing}, {scorer.Model.Factors} factors, example {example}"
                );
            }
        }

        static ExampleSet OneHot(FeatureSpace space, int count, RandomSource random)
        {
            var rows = new SparseRowsBuilder(space.ColumnCount);
            for (var n = 0; n < count; n++)
            {
                for (var field = 0; field < space.FieldCount; field++)
                {
                    rows.Add((field * RandomModels.ColumnsPerField) + random.Below(RandomModels.ColumnsPerField));
                }

                rows.EndRow();
            }

            return new(rows.Build(), new float[count]);
        }

        static ExampleSet Numeric(FeatureSpace space, int count, RandomSource random)
        {
            var rows = new SparseRowsBuilder(space.ColumnCount);
            for (var n = 0; n < count; n++)
            {
                rows.Add(RandomModels.Row(space, random, share: 0.3, numeric: true).Row);
                rows.EndRow();
            }

            return new(rows.Build(), new float[count]);
        }
    }

    [Fact]
    public void Examples_that_do_not_fit_the_model_or_the_scores_are_refused()
    {
        var random = new RandomSource(32);
        var scorer = new Scorer(RandomModels.Model(RandomModels.Space(2), Crossing.Plain, 4, random));
        var rows = new SparseRowsBuilder();
        rows.Add(10);
        rows.EndRow();
        var examples = new ExampleSet(rows.Build(), [0]);

        Should.Throw<ArgumentException>(() => scorer.Score(examples, new float[1])).Message.ShouldContain("up to 10");
        Should
            .Throw<ArgumentException>(() =>
                new Scorer(RandomModels.Model(RandomModels.Space(3), Crossing.Plain, 4, random)).Score(examples, new float[2])
            )
            .Message.ShouldContain("2 places");
    }
}
