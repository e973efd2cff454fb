using System.Runtime.CompilerServices;
using RecService.Engine.Data;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Passes;

/// <summary>
/// Examples in the order in which they are read, as batches for the kernels. Examples of a single block are copied in that order, so that memory is
/// read
/// straight through; those that join several blocks, or get negatives, are put together batch by batch.
/// </summary>
internal sealed unsafe class TrainingRows : IDisposable
{
    private readonly ExampleSet _examples;
    private readonly NegativeSampling? _negatives;
    private readonly FeatureSpace _space;
    private readonly RowNumbering _numbering;
    private readonly RowBlock[] _blocks;
    private readonly RowBatch[] _rowsOfBlocks;
    private readonly bool _hasAnyValues;
    private readonly int[][] _rowsOfExamples;
    private readonly int[]? _order;
    private readonly bool _regroups;
    private readonly bool _pairs;
    private readonly NativeArray<float> _targets;
    private readonly NativeArray<float>? _weights;

    /// <param name="space">The columns.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="layout">The layout of their rows.</param>
    /// <param name="numbering">The parameter rows of the columns.</param>
    /// <param name="lossRows">What rows the loss is of.</param>
    /// <param name="scale">The scale of the targets.</param>
    /// <param name="order">The examples in the order of reading; null for their own.</param>
    /// <param name="negatives">How positives get negatives, or null.</param>
    public TrainingRows(
        FeatureSpace space,
        ExampleSet examples,
        RowLayout layout,
        RowNumbering numbering,
        LossRows lossRows,
        TargetScale scale,
        int[]? order,
        NegativeSampling? negatives
    )
    {
        _space = space;
        _examples = examples;
        _numbering = numbering;
        _negatives = negatives;
        _pairs = lossRows == LossRows.Pairs;
        Layout = layout;
        Count = order?.Length ?? examples.Count;
        IsFlat = examples.Blocks.Count == 1 && negatives is null;
        if (IsFlat)
        {
            var rows = examples.Rows[0] is null ? order : RowsInOrder(examples, 0, order);
            _blocks = [new(space, examples.Blocks[0], rows, numbering, layout.Grouped)];
        }
        else
        {
            _blocks = [.. examples.Blocks.Select(block => new RowBlock(space, block, null, numbering, layout.Grouped))];
        }

        _rowsOfBlocks = [.. _blocks.Select(block => block.Batch)];
        _hasAnyValues = _blocks.Any(block => block.HasAnyValues);
        _regroups = !IsFlat && layout.Grouped && SharesFields(space, examples);
        _order = _regroups ? order : null;
        // In the order of reading: to look them up by example would miss the caches for each.
        _rowsOfExamples = IsFlat || _regroups ? [] : [.. Enumerable.Range(0, _blocks.Length).Select(block => RowsInOrder(examples, block, order))];
        _targets = new((nuint)Count);
        _weights = examples.Weights is null ? null : new((nuint)Count);
        for (var n = 0; n < Count; n++)
        {
            var example = order is null ? n : order[n];
            _targets.Pointer[n] = scale.Scaled(examples.Targets[example]);
            if (_weights is not null)
            {
                _weights.Pointer[n] = examples.WeightOf(example);
            }

            Weight += examples.WeightOf(example);
        }
    }

    /// <summary>Number of examples.</summary>
    public int Count { get; }

    /// <summary>The layout of the rows.</summary>
    public RowLayout Layout { get; }

    /// <summary>Whether batches are parts of what lies in memory already.</summary>
    public bool IsFlat { get; }

    /// <summary>Rows of an example: 1, and its negatives; of pairwise learning, two for each negative.</summary>
    public int RowsPerExample =>
        _negatives is null ? 1
        : _pairs ? 2 * _negatives.PerPositive
        : 1 + _negatives.PerPositive;

    /// <summary>Σ weight of the examples.</summary>
    public double Weight { get; }

    /// <summary>The weighted mean loss of examples as they are, without negatives, that all have one score.</summary>
    public double LossOf(LossFunction loss, float score)
    {
        const int Most = 256;
        var scores = stackalloc float[Most];
        new Span<float>(scores, Most).Fill(score);
        var (sum, weight) = (0.0, 0.0);
        for (var from = 0; from < Count; from += Most)
        {
            var part = new ScoredRows(
                scores,
                _targets.Pointer + from,
                _weights is null ? null : _weights.Pointer + from,
                Math.Min(Most, Count - from)
            );
            var ofPart = loss.Sum(part, float.NegativeInfinity, float.PositiveInfinity);
            (sum, weight) = (sum + ofPart.Loss, weight + ofPart.Weight);
        }

        return sum / weight;
    }

    /// <summary>A batch of examples.</summary>
    /// <param name="from">The first example, by its place in the order.</param>
    /// <param name="count">How many.</param>
    /// <param name="buffer">Room of the calling thread; the batch is valid until its next use.</param>
    /// <param name="random">Draws the negatives.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public RowBatch Read(int from, int count, BatchBuffer buffer, RandomSource random)
    {
        if (IsFlat)
        {
            var batch = _rowsOfBlocks[0].Slice(from, count);
            batch.Targets = _targets.Pointer + from;
            batch.Weights = _weights is null ? null : _weights.Pointer + from;
            return buffer.HasReplicas ? buffer.Localise(batch) : batch;
        }

        buffer.Start(_hasAnyValues, !_numbering.IsSingle, _weights is not null, Layout.OneHot ? Layout.MaximumEntries : 0);
        for (var n = from; n < from + count; n++)
        {
            if (_regroups)
            {
                JoinAndSort(n, buffer, random);
            }
            else
            {
                Join(n, buffer, random);
            }
        }

        return buffer.ToBatch();
    }

    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            block.Dispose();
        }

        _targets.Dispose();
        _weights?.Dispose();
    }

    /// <summary>Appends an example, and its negatives. In rows with negatives the item comes last, so that those of an example begin alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Join(int n, BatchBuffer buffer, RandomSource random)
    {
        var (target, weight) = (_targets.Pointer[n], _weights is null ? 1 : _weights.Pointer[n]);
        if (_negatives is null)
        {
            AppendBlocks(n, -1, buffer);
            buffer.EndRow(target, weight);
            return;
        }

        var itemBlock = _negatives.ItemBlock;
        var (user, items) = (_rowsOfExamples[_negatives.UserBlock][n], _blocks[itemBlock].Count);
        var first = buffer.EntryCount;
        var (beforeItem, positive) = (-1, -1);
        for (var draw = _pairs ? 0 : -1; draw < _negatives.PerPositive; draw++)
        {
            var item = draw < 0 ? -1 : _negatives.Draw(user, items, random);
            if (draw >= 0 && item < 0)
            {
                return;
            }

            if (positive < 0)
            {
                beforeItem = AppendBlocks(n, itemBlock, buffer);
                buffer.Append(_rowsOfBlocks[itemBlock], _rowsOfExamples[itemBlock][n]);
                positive = buffer.EntryCount - first;
                buffer.EndRow(target, weight);
            }
            else if (_pairs)
            {
                buffer.Repeat(first, positive);
                buffer.EndRow(target, weight);
            }

            if (item >= 0)
            {
                buffer.Repeat(first, beforeItem);
                buffer.Append(_rowsOfBlocks[itemBlock], item);
                buffer.EndRow(0, weight);
            }
        }
    }

    /// <summary>Appends the rows of all blocks but one; returns the number of entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int AppendBlocks(int n, int except, BatchBuffer buffer)
    {
        var first = buffer.EntryCount;
        for (var block = 0; block < _rowsOfBlocks.Length; block++)
        {
            if (block != except)
            {
                buffer.Append(_rowsOfBlocks[block], _rowsOfExamples[block][n]);
            }
        }

        return buffer.EntryCount - first;
    }

    /// <summary>
    /// Appends an example and its negatives where blocks share fields, so that the entries of a joined row have to be put together by field.
    /// </summary>
    private void JoinAndSort(int n, BatchBuffer buffer, RandomSource random)
    {
        var example = _order is null ? n : _order[n];
        var (target, weight) = (_targets.Pointer[n], _weights is null ? 1 : _weights.Pointer[n]);
        if (_negatives is null || !_pairs)
        {
            AppendSorted(example, -1, target, weight, buffer);
        }

        for (var draw = 0; draw < _negatives?.PerPositive; draw++)
        {
            var item = _negatives.Draw(_examples.RowOf(_negatives.UserBlock, example), _blocks[_negatives.ItemBlock].Count, random);
            if (item < 0)
            {
                return;
            }

            if (_pairs)
            {
                AppendSorted(example, -1, target, weight, buffer);
            }

            AppendSorted(example, item, 0, weight, buffer);
        }
    }

    private void AppendSorted(int example, int item, float target, float weight, BatchBuffer buffer)
    {
        var joined = item < 0 ? _examples.Gather(example, buffer.Joined) : _examples.GatherWith(example, _negatives!.ItemBlock, item, buffer.Joined);
        buffer.Append(joined, grouped: true, _space, _numbering);
        buffer.EndRow(target, weight);
    }

    private static int[] RowsInOrder(ExampleSet examples, int block, int[]? order)
    {
        var rows = new int[order?.Length ?? examples.Count];
        for (var n = 0; n < rows.Length; n++)
        {
            rows[n] = examples.RowOf(block, order is null ? n : order[n]);
        }

        return rows;
    }

    private static bool SharesFields(FeatureSpace space, ExampleSet examples)
    {
        var owners = new int[space.FieldCount];
        for (var block = 0; block < examples.Blocks.Count; block++)
        {
            for (var r = 0; r < examples.Blocks[block].Count; r++)
            {
                foreach (var column in examples.Blocks[block][r].Columns)
                {
                    ref var owner = ref owners[space.ColumnFields[column]];
                    if (owner != 0 && owner != block + 1)
                    {
                        return true;
                    }

                    owner = block + 1;
                }
            }
        }

        return false;
    }
}
