using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training.Sequences;

public sealed unsafe class ItemBlockTests
{
    [Theory]
    [InlineData(0.5f)]
    [InlineData(0f)]
    public void Items_are_taken_without_their_ids_as_often_as_asked_for_but_for_those_that_have_nothing_else(float idDropout)
    {
        const int Items = 400;
        var sequences = new RandomSequences(3, Items);
        var settings = TrainingSettings.For(Loss.Softmax) with { Factors = 8 };
        var data = new SequenceData(sequences.Space, sequences.Set, new(), settings.Loss.Function().ScaleOf([], []));
        using var table = new ParameterTable(sequences.Space, settings, RowNumbering.Natural(sequences.Space), threads: 1);
        var ones = new double[sequences.Space.ColumnCount];
        Array.Fill(ones, 1);
        table.Initialise(0.2f, ones, new RandomSource(7));
        var tables = table.Tables(0);
        using var block = new ItemBlock<float, Lanes1>(data, weighted: false, table.Stride, Items);
        for (var item = 0; item < Items; item++)
        {
            block.Add(item);
        }

        block.Forward(tables, new RandomSource(5), idDropout);

        var without = 0;
        for (var item = 0; item < Items; item++)
        {
            var row = data.Items[item];
            var vector = new double[8];
            var ofId = new double[8];
            for (var e = 0; e < row.Length; e++)
            {
                var factors = tables.Factors + ((nuint)data.Items.FactorOf(row.Columns[e]) * tables.FactorBlock);
                var isId = sequences.Space.Fields[sequences.Space.ColumnFields[row.Columns[e]]] == "item";
                for (var d = 0; d < 8; d++)
                {
                    vector[d] += factors[d] * row.ValueAt(e);
                    ofId[d] += isId ? factors[d] * row.ValueAt(e) : 0;
                }
            }

            var taken = Enumerable.Range(0, 8).Select(d => (double)block.Vectors[(item * block.Length) + d]).ToArray();
            var isWithout = Distance(taken, vector) > 1e-4;
            if (isWithout)
            {
                without++;
                row.Length.ShouldBeGreaterThan(1);
                Distance(taken, [.. vector.Zip(ofId, (all, id) => all - id)]).ShouldBeLessThan(1e-4);
            }
        }

        // A quarter of the items has no tags. The standard deviation of the rest is 2.9 %.
        (without / (0.75 * Items)).ShouldBeInRange(idDropout == 0 ? 0 : 0.35, idDropout == 0 ? 0 : 0.65);
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
}
