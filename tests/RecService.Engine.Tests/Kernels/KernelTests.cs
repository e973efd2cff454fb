using System.Runtime.Intrinsics;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Kernels;

public sealed class KernelTests
{
    public static TheoryData<string> Kernels => [.. FactorizationKernel.All.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Scores_cross_vectors_and_pooled_vectors_equal_the_sum_over_all_pairs(string kernel)
    {
        var random = new RandomSource(11);
        for (var k = 0; k <= 67; k++)
        {
            for (var fields = 1; fields <= 6; fields++)
            {
                foreach (var crossing in Enum.GetValues<Crossing>())
                {
                    var space = RandomModels.Space(fields, shared: (k + fields) % 2 == 1);
                    var model = RandomModels.Model(space, crossing, k, random);
                    var scorer = new Scorer(model, FactorizationKernel.ByName(kernel));
                    foreach (var numeric in new[] { false, true })
                    {
                        Check(scorer, RandomModels.Row(space, random, numeric: numeric));
                        // The workspace of a row with all fields must leave nothing behind for a row with few.
                        Check(scorer, RandomModels.Row(space, random, share: 0.15, numeric: numeric));
                    }
                }
            }
        }
    }

    [Fact]
    public void A_column_that_stands_twice_in_a_row_adds_up_and_crosses_with_itself_where_fields_cross_with_themselves()
    {
        var random = new RandomSource(3);
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var space = RandomModels.Space(3, shared: true);
            var row = new Engine.Data.RowBuffer();
            row.Add(1, 0.5f);
            row.Add(7);
            row.Add(1, -2);
            row.Add(6);
            Check(new(RandomModels.Model(space, crossing, 5, random)), row);
        }
    }

    [Fact]
    public void A_small_vector_beside_a_large_one_still_counts()
    {
        // ½ (S² − Σ p²) would lose the product 1e-4 beside 1e8.
        var space = RandomModels.Space(2);
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var table = new float[space.FactorCount * 16];
            // In a field-aware model each has a number for the other's field.
            (table[crossing == Crossing.FieldAware ? 1 : 0], table[5 * 16]) = (1e4f, 1e-8f);
            float[]? fieldWeights = crossing == Crossing.FieldWeighted ? [0, 1, 1, 0] : null;
            var model = new FactorizationModel(
                space,
                crossing,
                Loss.Squared,
                1,
                0,
                new float[space.ColumnCount],
                table,
                fieldWeights: fieldWeights
            );
            foreach (var kernel in FactorizationKernel.All)
            {
                ((double)new Scorer(model, kernel).Score(new([0, 5]))).ShouldBe(1e-4, 1e-10);
            }
        }
    }

    [Fact]
    public void Dot_products_and_steps_are_the_same_in_registers_of_every_width()
    {
        var random = new RandomSource(5);
        var scalar = FactorizationKernel.ByName("scalar");
        foreach (var kernel in FactorizationKernel.All)
        {
            foreach (var length in new[] { 0, 16, 32, 80 })
            {
                var (sum, own) = (Vector(length), Vector(length));
                kernel.Dot(sum, own).ShouldBe(scalar.Dot(sum, own), 1e-5f);
                kernel.Total(sum).ShouldBe(scalar.Total(sum), 1e-5f);
                var third = Vector(length);
                kernel.Dot(sum, own, third).ShouldBe(scalar.Dot(sum, own, third), 1e-4f);
                var (gradient, upstream, own2) = (Vector(length), Vector(length), Vector(length));
                var expectedGradient = gradient.ToArray();
                kernel
                    .AddGradient(gradient, sum, upstream, own, own2, 0.4f, -1.5f)
                    .ShouldBe(scalar.AddGradient(expectedGradient, sum, upstream, own, own2, 0.4f, -1.5f), 1e-4f);
                gradient.ShouldBe(expectedGradient, 1e-5f);
                kernel.Descend(gradient, upstream, 0.1f, 0.5f);
                scalar.Descend(expectedGradient, upstream, 0.1f, 0.5f);
                gradient.ShouldBe(expectedGradient, 1e-5f);
                var (factors, accumulators) = (Vector(length), Vector(length).Select(a => 1 + (a * a)).ToArray());
                var (before, sums) = (factors.ToArray(), accumulators.ToArray());
                kernel.AdaGrad(factors, accumulators, own, 0.05f, 0.1f);
                for (var d = 0; d < length; d++)
                {
                    var slope = own[d] + (0.05 * before[d]);
                    ((double)accumulators[d]).ShouldBe(sums[d] + (slope * slope), 1e-5);
                    ((double)factors[d]).ShouldBe(before[d] - (0.1 * slope / Math.Sqrt(sums[d] + (slope * slope))), 5e-5);
                }
            }
        }

        float[] Vector(int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())];
    }

    [Fact]
    public void Field_weights_of_1_score_as_a_field_pooled_model_does_to_the_bit()
    {
        var random = new RandomSource(7);
        var space = RandomModels.Space(4, shared: true);
        var pooled = RandomModels.Model(space, Crossing.FieldPooled, 21, random);
        float[] ones = [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0];
        var weighted = new FactorizationModel(
            space,
            Crossing.FieldWeighted,
            Loss.Squared,
            21,
            pooled.Bias,
            pooled.Weights.ToArray(),
            pooled.FactorTable.ToArray(),
            fieldWeights: ones
        );
        foreach (var kernel in FactorizationKernel.All)
        {
            var row = RandomModels.Row(space, random, numeric: true).Row;
            new Scorer(weighted, kernel).Score(row).ShouldBe(new Scorer(pooled, kernel).Score(row));
        }
    }

    [Theory]
    [InlineData("vector8192")]
    [InlineData("Scalar")]
    [InlineData("")]
    public void An_unknown_kernel_is_an_error_that_lists_the_known_ones(string name)
    {
        var message = Should.Throw<ArgumentException>(() => FactorizationKernel.ByName(name)).Message;
        foreach (var kernel in FactorizationKernel.All)
        {
            message.ShouldContain(kernel.Name);
        }
    }

    [Fact]
    public void The_scalar_kernel_is_always_there_and_every_kernel_has_its_own_name()
    {
        FactorizationKernel.All[0].Name.ShouldBe("scalar");
        FactorizationKernel.All.Select(kernel => kernel.Name).ShouldBeUnique(StringComparer.Ordinal);
        (string, bool)[] widths =
        [
            ("vector128", Vector128.IsHardwareAccelerated),
            ("vector256", Vector256.IsHardwareAccelerated),
            ("vector512", Vector512.IsHardwareAccelerated),
        ];
        FactorizationKernel.All.Skip(1).Select(kernel => kernel.Name).ShouldBe(widths.Where(width => width.Item2).Select(width => width.Item1));
        foreach (var kernel in FactorizationKernel.All)
        {
            FactorizationKernel.ByName(kernel.Name).ShouldBeSameAs(kernel);
        }
    }

    private static void Check(Scorer scorer, Engine.Data.RowBuffer buffer)
    {
        var model = scorer.Model;
        var row = buffer.Row;
        var naive = RandomModels.Naive(model, row);
        var tolerance = 1e-5 * (1 + naive.Magnitude);
        var cross = new float[model.Factors];
        var pooled = new float[model.Space.FieldCount * model.VectorLength];
        scorer.CrossFeatures(row, cross, pooled, out var linear, out var score);
        ((double)score).ShouldBe(naive.Score, tolerance);
        scorer.Score(row).ShouldBe(score);
        ((double)linear).ShouldBe(naive.Linear, tolerance);
        for (var d = 0; d < cross.Length; d++)
        {
            ((double)cross[d]).ShouldBe(naive.Cross[d], tolerance);
        }

        for (var d = 0; d < pooled.Length; d++)
        {
            ((double)pooled[d]).ShouldBe(naive.Pooled[d], tolerance);
        }
    }
}
