using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Engine.Training;

/// <summary>Finds what may have driven training that diverged: the few examples that are farthest from the others.</summary>
internal static class FarExamples
{
    /// <summary>How many are named at most.</summary>
    private const int Most = 3;

    /// <summary>How many times as large as the median is far.</summary>
    private const double Far = 100;

    /// <param name="train">What was learned from.</param>
    /// <param name="holdout">What it was measured by, or null.</param>
    /// <param name="byTarget">Whether targets are values to come near to.</param>
    public static IReadOnlyList<FarExample> Of(ExampleSet train, ExampleSet? holdout, bool byTarget) =>
        Of(PartOf(train), holdout is null ? null : PartOf(holdout), byTarget);

    /// <inheritdoc cref="Of(ExampleSet, ExampleSet, bool)"/>
    public static IReadOnlyList<FarExample> Of(SequenceSet train, SequenceSet? holdout, bool byTarget) =>
        Of(PartOf(train), holdout is null ? null : PartOf(holdout), byTarget);

    private static FarExample[] Of(Part train, Part? holdout, bool byTarget)
    {
        var (targets, squares) = (new NumberCounts(), new NumberCounts());
        for (var example = 0; example < train.Count; example++)
        {
            if (train.WeightOf(example) > 0)
            {
                targets.Add(Math.Abs(train.TargetOf(example)));
                squares.Add(train.SquaresOf(example));
            }
        }

        var typicalTarget = byTarget ? targets.MedianOf(target => target > 0) : null;
        var typicalSquares = squares.MedianOf(sum => sum > 0);
        return [.. FarOf(train, isHeldOut: false).Concat(holdout is null ? [] : FarOf(holdout, isHeldOut: true)).OrderByDescending(far => far.Times).Take(Most)];

        IEnumerable<FarExample> FarOf(Part part, bool isHeldOut)
        {
            for (var example = 0; example < part.Count; example++)
            {
                if (part.WeightOf(example) <= 0)
                {
                    continue;
                }

                if (Math.Abs(part.TargetOf(example)) / typicalTarget is > Far and var ofTarget)
                {
                    yield return new(example, isHeldOut, Column: null, part.TargetOf(example), ofTarget);
                }

                if (part.SquaresOf(example) / typicalSquares is > Far and var ofSquares)
                {
                    var (column, value) = part.GreatestOf(example);
                    yield return new(example, isHeldOut, column, value, ofSquares);
                }
            }
        }
    }

    private static Part PartOf(ExampleSet set) =>
        new(set.Count, set.Blocks, set.RowOf, example => set.Targets[example], set.WeightOf);

    private static Part PartOf(SequenceSet set)
    {
        var users = new int[set.Count];
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            users.AsSpan(set.Starts[sequence]..set.Starts[sequence + 1]).Fill(set.UserOf[sequence]);
        }

        return new(
            set.Count,
            set.Contexts is null ? [set.Users, set.Items] : [set.Users, set.Items, set.Contexts],
            (block, e) =>
                block == 0 ? users[e]
                : block == 1 ? set.ItemOf[e]
                : set.ContextOf![e],
            set.TargetOf,
            set.WeightOf
        );
    }

    /// <summary>Examples that join a row of each of some blocks.</summary>
    private sealed class Part(int count, IReadOnlyList<SparseRows> blocks, Func<int, int, int> rowOf, Func<int, float> targetOf, Func<int, float> weightOf)
    {
        private readonly double[][] _squares = [.. blocks.Select(block => Enumerable.Range(0, block.Count).Select(row => SquaresOf(block[row])).ToArray())];

        public int Count => count;

        public float TargetOf(int example) => targetOf(example);

        public float WeightOf(int example) => weightOf(example);

        public double SquaresOf(int example)
        {
            var sum = 0.0;
            for (var block = 0; block < _squares.Length; block++)
            {
                sum += _squares[block][rowOf(block, example)];
            }

            return sum;
        }

        public (int Column, float Value) GreatestOf(int example)
        {
            var (column, value) = (0, 0f);
            for (var block = 0; block < _squares.Length; block++)
            {
                var row = blocks[block][rowOf(block, example)];
                for (var entry = 0; entry < row.Length; entry++)
                {
                    if (Math.Abs(row.ValueAt(entry)) > Math.Abs(value))
                    {
                        (column, value) = (row.Columns[entry], row.ValueAt(entry));
                    }
                }
            }

            return (column, value);
        }

        private static double SquaresOf(SparseRow row)
        {
            var sum = 0.0;
            for (var entry = 0; entry < row.Length; entry++)
            {
                sum += (double)row.ValueAt(entry) * row.ValueAt(entry);
            }

            return sum;
        }
    }
}
