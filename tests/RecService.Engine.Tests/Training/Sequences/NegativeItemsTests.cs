using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training.Sequences;

public sealed class NegativeItemsTests
{
    [Theory]
    [InlineData(2_048, 1_999_999, null, 0)]
    [InlineData(2_049, 1_999_999, null, 512)]
    [InlineData(2_049, 2_000_000, null, 128)]
    [InlineData(2_049, 2_000_000, 64, 64)]
    public void How_many_are_drawn_depends_on_how_much_there_is(int items, int events, int? settled, int expected)
    {
        var counts = new double[items];
        Array.Fill(counts, 1);
        var set = new SequenceSet
        {
            Users = SparseRows.FromDense([], 0, 1),
            Items = SparseRows.FromDense([], 0, 1),
            Starts = [0, events],
            UserOf = [0],
            ItemOf = new int[events],
        };

        new NegativeItems(set, counts, TrainingSettings.For(Loss.Softmax) with { Negatives = settled }).Sampled.ShouldBe(expected);
    }
}
