using RecService.Engine.Data;
using RecService.Engine.Kernels;

namespace RecService.Engine.Training;

/// <summary>
/// What the length of rows, Σ x² on average, does to how they are learned from. A score adds up a row's entries and their pairs, so that where all of them are in
/// error a step on each overshoots the more, the more there are. Long rows are learned from as if each entry were divided by √(length / short), as
/// instance-wise normalisation does (Juan et al., "Field-aware Factorization Machines for CTR Prediction", RecSys 2016), but in terms of
/// the parameters, so that the model takes rows as they are.
/// </summary>
internal static class RowLength
{
    /// <summary>Rows up to this length are learned from as they are.</summary>
    private const double Short = 8;

    /// <summary>The same of steps that nothing divides by what gradients were before.</summary>
    private const double ShortWithoutSums = 3;

    /// <summary>Σ x² of a row, on average over the examples that weigh something.</summary>
    public static double Of(ExampleSet examples)
    {
        var (sum, counted) = (0.0, 0);
        var squares = new double[examples.Blocks.Count][];
        for (var block = 0; block < squares.Length; block++)
        {
            var rows = examples.Blocks[block];
            if (!rows.Offsets.IsEmpty || !rows.Values.IsEmpty)
            {
                squares[block] = new double[rows.Count];
                for (var row = 0; row < rows.Count; row++)
                {
                    squares[block][row] = SquaresOf(rows[row]);
                }
            }
        }

        for (var example = 0; example < examples.Count; example++)
        {
            if (examples.WeightOf(example) <= 0)
            {
                continue;
            }

            counted++;
            for (var block = 0; block < squares.Length; block++)
            {
                var rows = examples.Blocks[block];
                sum += squares[block] is { } ofBlock ? ofBlock[examples.RowOf(block, example)] : rows.Columns.Length / (double)rows.Count;
            }
        }

        return sum / counted;
    }

    /// <summary>Whether rows are so long that steps have to be shorter.</summary>
    public static bool IsLong(double length) => length > Short;

    /// <summary>The settings that learn from rows of a length as the given ones do from short rows.</summary>
    public static TrainingSettings Adapt(TrainingSettings settings, double length)
    {
        var share = (float)Math.Min(1, Short / length);
        var step = settings.Solver switch
        {
            Solver.Sgd => (float)Math.Min(1, ShortWithoutSums / length),
            Solver.AdaGrad => MathF.Sqrt(share),
            // Its steps are as long as the rate, whatever gradients are; it gets nowhere in a few epochs where that shrinks.
            _ => 1f,
        };
        return settings with
        {
            InitialDeviation = settings.InitialDeviation * MathF.Sqrt(share),
            InitialAccumulator = settings.InitialAccumulator / share,
            LearningRate = settings.LearningRate * step,
            L2Linear = settings.L2Linear / share,
            L2Factors = settings.L2Factors / share,
            L2ByField = settings.L2ByField?.ToDictionary(
                field => field.Key,
                field => new FieldL2(field.Value.Linear / share, field.Value.Factors / share),
                StringComparer.Ordinal
            ),
        };
    }

    private static double SquaresOf(in SparseRow row)
    {
        if (row.Values.IsEmpty)
        {
            return row.Length;
        }

        var sum = 0.0;
        foreach (var value in row.Values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
