using RecService.Engine.Data;
using RecService.Engine.Layer;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Layer;

public sealed class FactorizationLayerTests
{
    public static TheoryData<Crossing, string> Cases
    {
        get
        {
            var cases = new TheoryData<Crossing, string>();
            foreach (var crossing in Enum.GetValues<Crossing>())
            {
                foreach (var kernel in FactorizationKernel.All)
                {
                    cases.Add(crossing, kernel.Name);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_gives_the_cross_vectors_of_the_model(Crossing crossing, string kernel)
    {
        var (model, batch) = Problem(crossing, k: 19, seed: 1);
        var layer = new FactorizationLayer(model, FactorizationKernel.ByName(kernel));
        var (cross, affine) = (new float[batch.Count * 19], new float[batch.Count]);
        layer.Forward(batch, cross, affine);
        for (var r = 0; r < batch.Count; r++)
        {
            var naive = RandomModels.Naive(model, batch[r]);
            ((double)affine[r]).ShouldBe(model.Bias + naive.Linear, 1e-4);
            for (var d = 0; d < 19; d++)
            {
                ((double)cross[(r * 19) + d]).ShouldBe(naive.Cross[d], 1e-4);
            }
        }

        layer.ToModel(Loss.Squared).FactorTable.SequenceEqual(model.FactorTable).ShouldBeTrue();
        layer.ToModel(Loss.Squared).FieldWeights.SequenceEqual(model.FieldWeights).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_by_parameters_and_inputs_equal_finite_differences(Crossing crossing, string kernel)
    {
        foreach (var k in new[] { 0, 1, 5, 16, 17 })
        {
            var (model, batch) = Problem(crossing, k, seed: 2 + (ulong)k);
            Check(model, batch, kernel, $"k = {k}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_dense_batch_has_gradients_by_its_zeros_too(Crossing crossing, string kernel)
    {
        var (model, _) = Problem(crossing, k: 6, seed: 30);
        var random = new RandomSource(31);
        var columns = model.Space.ColumnCount;
        var dense = new float[4, columns];
        for (var r = 0; r < 4; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                dense[r, c] = random.Below(3) == 0 ? (float)random.NextNormal() : 0;
            }
        }

        var batch = SparseRows.FromDense(dense, keepZeros: true);
        batch.EntryCount.ShouldBe(4 * columns);
        Check(model, batch, kernel, "dense");
    }

    [Fact]
    public void A_tag_on_both_sides_of_a_row_gets_the_sum_of_both_gradients()
    {
        // Columns 1 and 2 are the same tag, on an item and in a request: one latent vector v, so cross = v ⊙ v and ∂/∂v = 2v.
        var space = new FeatureSpace(["user", "tag", "context.tags"], [0, 1, 2], [0, 1, 1]);
        var layer = new FactorizationLayer(space, Crossing.FieldPooled, 3);
        var batch = SparseRows.FromDense(
            new float[,]
            {
                { 0, 1, 1 },
            }
        );
        var gradient = layer.Backward(batch, [1, 1, 1]);
        gradient.FactorRows.ToArray().ShouldBe([1]);
        for (var d = 0; d < 3; d++)
        {
            gradient.FactorsAt(0)[d].ShouldBe(2 * layer.FactorsOf(1)[d], 1e-6f);
        }
    }

    [Fact]
    public void Steps_move_what_the_batch_touched_and_nothing_else()
    {
        foreach (var optimizer in Enum.GetValues<LayerOptimizer>())
        {
            var (model, _) = Problem(Crossing.FieldPooled, k: 18, seed: 40);
            var layer = new FactorizationLayer(model);
            var batch = SparseRows.FromDense(
                new float[,]
                {
                    { 0, 0, 1, 0, 0, 2, 0 },
                    { 0, 0, 1, 0, 0, 0, 0 },
                }
            );
            var (upstream, affine) = (Enumerable.Repeat(0.5f, 36).ToArray(), new[] { 1f, -0.25f });
            var first = layer.Backward(batch, upstream, affine);
            var (weights, vector) = (first.Weights.ToArray(), first.FactorsAt(0).ToArray());
            first.Columns.ToArray().ShouldBe([2, 5]);
            layer.Apply(first, 0.1f, optimizer, l2Linear: 0.3f, l2Factors: 0.2f);
            layer.Bias.ShouldBe(model.Bias - (optimizer == LayerOptimizer.AdaGrad ? 0.1f : 0.1f * 0.75f), 1e-5f);
            Step(weights[0] + (0.3f * model.Weights[2]), optimizer).ShouldBe(model.Weights[2] - layer.Weights[2], 1e-5f);
            for (var d = 0; d < 18; d++)
            {
                Step(vector[d] + (0.2f * model.FactorsOf(2)[d]), optimizer).ShouldBe(model.FactorsOf(2)[d] - layer.FactorsOf(2)[d], 1e-4f);
            }

            var touched = new[] { 2, 5 }.Select(model.Space.FactorOf).ToArray();
            for (var column = 0; column < model.Space.ColumnCount; column++)
            {
                (layer.Weights[column] != model.Weights[column]).ShouldBe(column is 2 or 5);
                layer.FactorsOf(column).SequenceEqual(model.FactorsOf(column)).ShouldBe(!touched.Contains(model.Space.FactorOf(column)));
            }

            // A second batch leaves nothing of the first in the gradient.
            var second = layer.Backward(
                SparseRows.FromDense(
                    new float[,]
                    {
                        { 1, 0 },
                    }
                ),
                new float[18],
                [2]
            );
            second.Columns.ToArray().ShouldBe([0]);
            second.Weights.ToArray().ShouldBe([2f]);
            second.Bias.ShouldBe(2);
            second.Inputs.Length.ShouldBe(1);
            second.FactorsAt(0).ContainsAnyExcept(0f).ShouldBeFalse();
        }

        static float Step(float gradient, LayerOptimizer optimizer) =>
            optimizer == LayerOptimizer.AdaGrad ? 0.1f * Math.Sign(gradient) : 0.1f * gradient;
    }

    [Fact]
    public void Steps_move_the_field_weights_of_the_fields_that_meet_and_keep_them_symmetric()
    {
        foreach (var optimizer in Enum.GetValues<LayerOptimizer>())
        {
            var layer = new FactorizationLayer(RandomModels.Space(3), Crossing.FieldWeighted, 18);
            layer.FieldWeights.ToArray().ShouldBe([0, 1, 1, 1, 0, 1, 1, 1, 0]);
            var batch = SparseRows.FromDense(
                new float[,]
                {
                    { 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2 },
                }
            );
            var gradient = layer.Backward(batch, [.. Enumerable.Repeat(3f, 18)]);
            var slope = gradient.FieldWeights[2];
            slope.ShouldNotBe(0);
            gradient.FieldWeights.ToArray().ShouldBe([0, 0, slope, 0, 0, 0, slope, 0, 0]);
            layer.Apply(gradient, 0.1f, optimizer);
            var step = 1 - (0.1f * (optimizer == LayerOptimizer.AdaGrad ? slope / MathF.Sqrt((slope * slope) + 1e-8f) : slope));
            layer.FieldWeights.ToArray().ShouldBe([0, 1, step, 1, 0, 1, step, 1, 0], 1e-6f);
            // A second batch leaves nothing of the first in the gradient.
            layer
                .Backward(
                    SparseRows.FromDense(
                        new float[,]
                        {
                            { 1, 0 },
                        }
                    ),
                    new float[18]
                )
                .FieldWeights.ContainsAnyExcept(0f)
                .ShouldBeFalse();
        }
    }

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void Training_a_machine_through_the_layer_fits_as_the_trainer_does(Crossing crossing)
    {
        var (model, batch) = Problem(crossing, k: 4, seed: 51, rows: 200, scale: 0.5);
        var targets = Enumerable.Range(0, batch.Count).Select(r => new Scorer(model).Score(batch[r])).ToArray();
        var layer = new FactorizationLayer(model.Space, crossing, 4, seed: 3);
        var (cross, affine, upstream, slope) = (
            new float[batch.Count * 4],
            new float[batch.Count],
            new float[batch.Count * 4],
            new float[batch.Count]
        );
        var losses = new List<double>();
        for (var step = 0; step < 1_500; step++)
        {
            layer.Forward(batch, cross, affine);
            var loss = 0.0;
            for (var r = 0; r < batch.Count; r++)
            {
                slope[r] = affine[r] + cross.AsSpan(r * 4, 4).ToArray().Sum() - targets[r];
                loss += slope[r] * slope[r] / batch.Count;
                upstream.AsSpan(r * 4, 4).Fill(slope[r]);
            }

            losses.Add(loss);
            layer.Apply(layer.Backward(batch, upstream, slope), 0.1f);
        }

        losses[^1].ShouldBeLessThan(0.01 * losses[0]);
    }

    [Fact]
    public void Wrong_arguments_are_refused()
    {
        var space = RandomModels.Space(2);
        var layer = new FactorizationLayer(space, Crossing.FieldPooled, 3);
        var batch = SparseRows.FromDense(
            new float[,]
            {
                { 1, 2 },
                { 3, 4 },
            }
        );
        Should.Throw<ArgumentException>(() => layer.Forward(batch, new float[5]));
        Should.Throw<ArgumentException>(() => layer.Forward(batch, new float[6], new float[1]));
        Should
            .Throw<ArgumentException>(() => layer.Forward(SparseRows.FromDense(new float[1, 11]), new float[3]))
            .Message.ShouldContain("columns up to 10");
        Should.Throw<ArgumentException>(() => layer.Backward(batch, [1, 1, 1, 1, float.NaN, 1])).Message.ShouldContain("Row 1");
        Should.Throw<ArgumentException>(() => layer.Backward(batch, new float[6], [1, float.PositiveInfinity])).Message.ShouldContain("Row 1");
        var gradient = layer.Backward(batch, new float[6]);
        Should.Throw<ArgumentException>(() => layer.Apply(gradient, 0)).Message.ShouldContain("LearningRate");
        Should
            .Throw<ArgumentException>(() => new FactorizationLayer(space, Crossing.FieldPooled, 3).Apply(gradient, 1))
            .Message.ShouldContain("another layer");
        Should.Throw<ArgumentOutOfRangeException>(() => gradient.FactorsAt(2));
        Should.Throw<ArgumentException>(() => new FactorizationLayer(space, Crossing.FieldPooled, -1)).Message.ShouldContain("Factors");
    }

    private static void Check(FactorizationModel model, SparseRows batch, string kernel, string what)
    {
        const float Step = 1f / 64;
        var k = model.Factors;
        var random = new RandomSource(77);
        var upstream = Enumerable.Range(0, batch.Count * k).Select(_ => (float)random.NextNormal()).ToArray();
        var affine = Enumerable.Range(0, batch.Count).Select(_ => (float)random.NextNormal()).ToArray();
        var layer = new FactorizationLayer(model, FactorizationKernel.ByName(kernel));
        var gradient = layer.Backward(batch, upstream, affine);
        var (byWeight, byFactor) = (new float[model.Space.ColumnCount], new float[model.Space.FactorCount * model.Stride]);
        for (var i = 0; i < gradient.Columns.Length; i++)
        {
            byWeight[gradient.Columns[i]] += gradient.Weights[i];
        }

        for (var i = 0; i < gradient.FactorRows.Length; i++)
        {
            gradient.FactorsAt(i).CopyTo(byFactor.AsSpan(gradient.FactorRows[i] * model.Stride));
        }

        var fieldWeights = model.Crossing == Crossing.FieldWeighted ? model.FieldWeights.ToArray() : null;
        Compare("bias", gradient.Bias, move => Objective(model.Bias + move, model.Weights.ToArray(), model.FactorTable.ToArray(), -1, 0));
        for (var at = 0; at < gradient.FieldWeights.Length; at++)
        {
            var (f, g) = (at / model.Space.FieldCount, at % model.Space.FieldCount);
            if (f == g)
            {
                gradient.FieldWeights[at].ShouldBe(0);
                continue;
            }

            Compare($"field weight {f}, {g}", gradient.FieldWeights[at], move =>
            {
                var moved = fieldWeights!.ToArray();
                moved[(f * model.Space.FieldCount) + g] = moved[(g * model.Space.FieldCount) + f] += move;
                return Objective(model.Bias, model.Weights.ToArray(), model.FactorTable.ToArray(), -1, 0, moved);
            });
        }

        for (var column = 0; column < byWeight.Length; column++)
        {
            Compare($"weight {column}", byWeight[column], move =>
                Objective(model.Bias, Moved(model.Weights, column, move), model.FactorTable.ToArray(), -1, 0)
            );
        }

        for (var at = 0; at < byFactor.Length; at++)
        {
            if (at % model.Stride < model.VectorLength)
            {
                Compare($"factor {at}", byFactor[at], move =>
                    Objective(model.Bias, model.Weights.ToArray(), Moved(model.FactorTable, at, move), -1, 0)
                );
            }
        }

        gradient.Inputs.Length.ShouldBe((int)batch.EntryCount);
        for (var entry = 0; entry < batch.EntryCount; entry++)
        {
            Compare($"input {entry}", gradient.Inputs[entry], move =>
                Objective(model.Bias, model.Weights.ToArray(), model.FactorTable.ToArray(), entry, move)
            );
        }

        // The objective is at most quadratic in each of the numbers, so that central differences have no error of their own.
        void Compare(string name, float analytic, Func<float, double> objective) =>
            ((double)analytic).ShouldBe((objective(Step) - objective(-Step)) / (2 * Step), 2e-4 * (1 + Math.Abs(analytic)), $"{what}, {name}");

        double Objective(float bias, float[] weights, float[] table, int movedEntry, float move, float[]? movedFieldWeights = null)
        {
            var moved = new FactorizationModel(
                model.Space,
                model.Crossing,
                Loss.Squared,
                k,
                bias,
                weights,
                table,
                fieldWeights: movedFieldWeights ?? fieldWeights
            );
            var (total, entry) = (0.0, 0);
            for (var r = 0; r < batch.Count; r++)
            {
                var row = batch[r];
                var values = new float[row.Length];
                for (var e = 0; e < row.Length; e++)
                {
                    values[e] = row.ValueAt(e) + (entry++ == movedEntry ? move : 0);
                }

                var naive = RandomModels.Naive(moved, new(row.Columns, values));
                total += affine[r] * (bias + naive.Linear);
                for (var d = 0; d < k; d++)
                {
                    total += upstream[(r * k) + d] * naive.Cross[d];
                }
            }

            return total;
        }

        static float[] Moved(ReadOnlySpan<float> values, int at, float move)
        {
            var moved = values.ToArray();
            moved[at] += move;
            return moved;
        }
    }

    private static (FactorizationModel Model, SparseRows Batch) Problem(
        Crossing crossing,
        int k,
        ulong seed,
        int rows = 4,
        double scale = 1
    )
    {
        var random = new RandomSource(seed);
        var space = RandomModels.Space(3, shared: true);
        var builder = new SparseRowsBuilder(space.ColumnCount);
        for (var r = 0; r < rows; r++)
        {
            builder.Add(RandomModels.Row(space, random, share: 0.4, numeric: r % 2 == 0).Row);
            builder.EndRow();
        }

        return (RandomModels.Model(space, crossing, k, random, scale), builder.Build());
    }
}
