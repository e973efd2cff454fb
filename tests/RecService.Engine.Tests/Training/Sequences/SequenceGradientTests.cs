using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training.Sequences;

/// <summary>Gradients of blocks of sequences against finite differences of the loss.</summary>
public sealed unsafe class SequenceGradientTests
{
    public static TheoryData<Loss, Crossing, int> Cases
    {
        get
        {
            var cases = new TheoryData<Loss, Crossing, int>();
            foreach (var loss in LossNames.All)
            {
                foreach (var factors in new[] { 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48, 63, 64, 65, 67 })
                {
                    cases.Add(loss, factors % 3 == 0 ? Crossing.FieldWeighted : Crossing.FieldPooled, factors);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_are_the_slopes_of_the_loss(Loss loss, Crossing interaction, int factors)
    {
        var kernel = FactorizationKernel.All[factors % FactorizationKernel.All.Count].Name;
        var sequences = new RandomSequences((ulong)factors, tags: factors % 2 == 0, times: factors % 4 > 1, partial: factors % 5 > 2);
        Check(loss, interaction, factors, kernel, sequences, sequences.Set, negatives: 0);
    }

    [Theory]
    [InlineData(Loss.Softmax)]
    [InlineData(Loss.Bpr)]
    [InlineData(Loss.Logistic)]
    public void Gradients_are_those_of_drawn_negatives_and_dislikes_too(Loss loss)
    {
        var sequences = new RandomSequences(21, items: 30);
        var set = sequences.Set with { Dislikes = RowSets.FromPairs(6, [2, 2, 3, 5], [1, 20, 20, 7]), DislikeWeight = 1.5f };
        Check(loss, Crossing.FieldPooled, 5, FactorizationKernel.All[^1].Name, sequences, set, negatives: 6);
    }

    private static void Check(Loss loss, Crossing interaction, int factors, string kernel, RandomSequences sequences, SequenceSet set, int negatives)
    {
        var settings = TrainingSettings.For(loss) with
        {
            Factors = factors,
            Crossing = interaction,
            Negatives = negatives,
            NegativeWeight = 3,
            Dropout = 0.25f,
            IdDropout = 0.4f,
            InitialDeviation = 0.5f,
        };
        var history = new HistorySettings { Length = 4, RecentHalfLife = set.Times is null ? null : TimeSpan.FromSeconds(400) };
        var space = sequences.Space;
        var data = new SequenceData(space, set, history, settings.Loss.Function().ScaleOf(set.Targets, set.Weights));
        var plan = new SequencePlan(set, history.Length, 1024);
        plan.Deal(random: null);
        plan.Count.ShouldBe(1);
        var ofNegatives = new NegativeItems(set, data.TargetCounts(), settings);
        using var table = new ParameterTable(space, settings, RowNumbering.Natural(space), threads: 1);
        var ones = new double[space.ColumnCount];
        Array.Fill(ones, 1);
        var random = new RandomSource(7);
        table.Initialise(0.2f, ones, random);
        var tables = table.Tables(0);
        var weightRows = space.ColumnCount + ParameterTables.SpecialsOf(space, interaction);
        for (nuint row = 0; row < (nuint)weightRows; row++)
        {
            tables.Weights[row * tables.WeightBlock] += 0.3f * (float)random.NextNormal();
        }

        using var learner = SequenceKernels.Learner(kernel, data, plan, ofNegatives, settings, table.Stride, weightRows);
        using var gradients = new GradientList(table.Stride);
        // The same seed draws the same negatives, and drops the same coordinates and ids.
        learner.Gradients(plan[0], 5, tables, gradients);
        var (ofFactors, ofWeights) = (new Dictionary<(int Row, int Factor), double>(), new Dictionary<int, double>());
        for (var n = 0; n < gradients.Count; n++)
        {
            var sums = gradients[n];
            for (var slot = 0; slot < sums.FactorRows.Length; slot++)
            {
                for (var d = 0; d < factors; d++)
                {
                    var key = (sums.FactorRows[slot], d);
                    ofFactors[key] = ofFactors.GetValueOrDefault(key) + sums.Vectors[(slot * table.Stride) + d];
                }
            }

            for (var slot = 0; slot < sums.WeightRows.Length; slot++)
            {
                ofWeights[sums.WeightRows[slot]] = ofWeights.GetValueOrDefault(sums.WeightRows[slot]) + sums.Weights[slot];
            }
        }

        double LossOfAll()
        {
            using var others = new GradientList(table.Stride);
            return learner.Gradients(plan[0], 5, tables, others);
        }

        // The slope of squared loss is half the derivative, and logistic loss is reported as a mean over a row and its negatives.
        var unit =
            loss == Loss.Squared ? 0.5
            : loss == Loss.Logistic ? 1 + ofNegatives.Weight
            : 1;
        var scale = 0.05 + ofFactors.Values.Concat(ofWeights.Values).Max(Math.Abs);
        ofFactors.Count.ShouldBeGreaterThan(20 * factors);
        foreach (var ((row, d), gradient) in ofFactors)
        {
            if ((row + d) % Math.Max(1, factors / 4) == 0)
            {
                var at = tables.Factors + ((nuint)row * tables.FactorBlock) + d;
                var slope = unit * Difference(at, LossOfAll);
                Math.Abs(slope - gradient).ShouldBeLessThan(4e-3 * scale, $"factor {d} of row {row}: {gradient}, not {slope}");
            }
        }

        foreach (var (row, gradient) in ofWeights)
        {
            var slope = unit * Difference(tables.Weights + ((nuint)row * tables.WeightBlock), LossOfAll);
            Math.Abs(slope - gradient).ShouldBeLessThan(4e-3 * scale, $"weight {row}: {gradient}, not {slope}");
        }

        // What has no gradient has no slope either.
        for (var row = 0; row < weightRows; row++)
        {
            if (!ofWeights.ContainsKey(row))
            {
                Math.Abs(Difference(tables.Weights + ((nuint)row * tables.WeightBlock), LossOfAll)).ShouldBeLessThan(4e-3 * scale, $"weight {row}");
            }
        }
    }

    private static double Difference(float* at, Func<double> loss)
    {
        const float Step = 4e-3f;
        var value = *at;
        *at = value + Step;
        var (above, up) = (*at, loss());
        *at = value - Step;
        var (below, down) = (*at, loss());
        *at = value;
        return (up - down) / ((double)above - below);
    }
}
