using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests;

/// <summary>Random models and rows, and what they come to by plain sums over all pairs in double precision.</summary>
internal static class RandomModels
{
    /// <summary>Columns of each field in a random space.</summary>
    public const int ColumnsPerField = 5;

    /// <summary>
    /// A space whose fields have five columns each; with sharing, the first columns of a field borrow the latent vectors of those of the field
    /// before.
    /// </summary>
    public static FeatureSpace Space(int fields, bool shared = false)
    {
        var columns = Enumerable.Range(0, fields * ColumnsPerField).ToArray();
        int[]? factors = null;
        if (shared)
        {
            factors = new int[columns.Length];
            var next = 0;
            foreach (var column in columns)
            {
                factors[column] = column >= ColumnsPerField && column % ColumnsPerField < 2 ? factors[column - ColumnsPerField] : next++;
            }
        }

        return new(
            [.. Enumerable.Range(0, fields).Select(f => FormattableString.Invariant($"f{f}"))],
            [.. columns.Select(c => c / ColumnsPerField)],
            factors
        );
    }

    public static FactorizationModel Model(
        FeatureSpace space,
        Crossing crossing,
        int k,
        RandomSource random,
        double scale = 1,
        Loss loss = Loss.Squared
    )
    {
        var length = FactorizationModel.VectorLengthOf(crossing, space.FieldCount, k);
        var stride = FactorizationModel.StrideOf(length);
        var table = new float[space.FactorCount * stride];
        for (var row = 0; row < space.FactorCount; row++)
        {
            for (var d = 0; d < length; d++)
            {
                table[(row * stride) + d] = (float)(scale * random.NextNormal());
            }
        }

        return new(
            space,
            crossing,
            loss,
            k,
            (float)random.NextNormal(),
            [.. Enumerable.Range(0, space.ColumnCount).Select(_ => (float)(scale * random.NextNormal()))],
            table,
            fieldWeights: crossing == Crossing.FieldWeighted ? FieldWeights(space.FieldCount, random) : null
        );
    }

    /// <summary>Normal random numbers, symmetric and 0 on the diagonal.</summary>
    public static float[] FieldWeights(int fields, RandomSource random)
    {
        var weights = new float[fields * fields];
        for (var f = 0; f < fields; f++)
        {
            for (var g = 0; g < f; g++)
            {
                weights[(f * fields) + g] = weights[(g * fields) + f] = (float)random.NextNormal();
            }
        }

        return weights;
    }

    /// <summary>A row that has each column with the given probability, in random order; values are 1 or normal.</summary>
    public static RowBuffer Row(FeatureSpace space, RandomSource random, double share = 0.6, bool numeric = false, Func<int, bool>? fields = null)
    {
        var columns = Enumerable
            .Range(0, space.ColumnCount)
            .Where(c => fields?.Invoke(space.ColumnFields[c]) ?? true)
            .Where(_ => random.NextDouble() < share)
            .ToArray();
        random.Shuffle(columns.AsSpan());
        var row = new RowBuffer();
        foreach (var column in columns)
        {
            row.Add(column, numeric ? (float)random.NextNormal() : 1f);
        }

        return row;
    }

    /// <summary>The parts of a score by their definitions: every pair of entries that crosses, one after the other, O(n²k).</summary>
    public static NaiveScore Naive(FactorizationModel model, SparseRow row)
    {
        var space = model.Space;
        var k = model.Factors;
        var linear = 0.0;
        var magnitude = Math.Abs((double)model.Bias);
        var cross = new double[k];
        var pooled = new double[space.FieldCount * model.VectorLength];
        for (var i = 0; i < row.Length; i++)
        {
            var (ci, xi) = (row.Columns[i], (double)row.ValueAt(i));
            linear += model.Weights[ci] * xi;
            magnitude += Math.Abs(model.Weights[ci] * xi);
            for (var d = 0; d < model.VectorLength; d++)
            {
                pooled[(space.ColumnFields[ci] * model.VectorLength) + d] += model.FactorsOf(ci)[d] * xi;
            }

            for (var j = 0; j < i; j++)
            {
                var cj = row.Columns[j];
                var (fi, fj) = (space.ColumnFields[ci], space.ColumnFields[cj]);
                if (fi == fj && model.Crossing is (Crossing.FieldPooled or Crossing.FieldWeighted))
                {
                    continue;
                }

                var weight = model.Crossing == Crossing.FieldWeighted ? model.FieldWeights[(fi * space.FieldCount) + fj] : 1.0;
                var (vi, vj) = (VectorFor(model, ci, fj), VectorFor(model, cj, fi));
                for (var d = 0; d < k; d++)
                {
                    var part = weight * xi * row.ValueAt(j) * vi[d] * vj[d];
                    cross[d] += part;
                    magnitude += Math.Abs(part);
                }
            }
        }

        return new(model.Bias + linear + cross.Sum(), linear, cross, pooled, magnitude);
    }

    /// <summary>What a column crosses with columns of a field by, k numbers.</summary>
    public static float[] VectorFor(FactorizationModel model, int column, int otherField) =>
        model.FactorsOf(column).Slice(FirstFor(model, otherField), model.Factors).ToArray();

    /// <summary>Where in a latent vector the numbers for a field begin.</summary>
    public static int FirstFor(FactorizationModel model, int otherField) => model.Crossing == Crossing.FieldAware ? otherField * model.Factors : 0;
}

/// <param name="Score">The score.</param>
/// <param name="Linear">Σ w_i x_i.</param>
/// <param name="Cross">The cross vector.</param>
/// <param name="Pooled">p_f, field by field.</param>
/// <param name="Magnitude">Σ of the absolute values of all that was added: what rounding is measured by.</param>
internal sealed record NaiveScore(double Score, double Linear, double[] Cross, double[] Pooled, double Magnitude);
