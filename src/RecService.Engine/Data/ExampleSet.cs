namespace RecService.Engine.Data;

/// <summary>
/// Examples to learn from or to measure by. Each example joins one row of each of several blocks, so that what is known of a user or
/// an item is stored once (Rendle, "Scaling factorization machines to relational data", VLDB 2013). Immutable: the arrays given are kept and must not
/// change.
/// </summary>
public sealed class ExampleSet
{
    private readonly SparseRows[] _blocks;
    private readonly int[]?[] _rows;

    /// <summary>Examples that are the rows of one block.</summary>
    /// <inheritdoc cref="ExampleSet(IReadOnlyList{SparseRows}, IReadOnlyList{int[]}, float[], float[])"/>
    public ExampleSet(SparseRows rows, float[] targets, float[]? weights = null)
        : this([rows], [null], targets, weights) { }

    /// <param name="blocks">The blocks, whose columns are of one <see cref="FeatureSpace"/>; a row is joined in their order.</param>
    /// <param name="rows">For each block, the row of each example, or null when example i has row i.</param>
    /// <param name="targets">What is to be predicted: a value for squared loss; for logistic loss, positive when above 0.</param>
    /// <param name="weights">How much each example counts, not negative; null when all count 1.</param>
    /// <exception cref="ArgumentException">Lengths differ, a row is out of range, or a number is not finite; the message names the
    /// example.</exception>
    public ExampleSet(IReadOnlyList<SparseRows> blocks, IReadOnlyList<int[]?> rows, float[] targets, float[]? weights = null)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(targets);
        _blocks = [.. blocks];
        _rows = [.. rows];
        Targets = targets;
        Weights = weights;
        if (_blocks.Length == 0 || _rows.Length != _blocks.Length)
        {
            throw new ArgumentException(
                $"There are {_blocks.Length} blocks, and rows for {_rows.Length} blocks; at least one of each is needed.",
                nameof(rows)
            );
        }

        for (var block = 0; block < _blocks.Length; block++)
        {
            CheckRows(block);
        }

        CheckNumbers();
    }

    /// <summary>Number of examples.</summary>
    public int Count => Targets.Length;

    /// <summary>The blocks that examples join.</summary>
    public IReadOnlyList<SparseRows> Blocks => _blocks;

    /// <summary>For each block, the row of each example; null when example i has row i.</summary>
    public IReadOnlyList<int[]?> Rows => _rows;

    /// <summary>What is to be predicted, by example.</summary>
    public float[] Targets { get; }

    /// <summary>Weight of each example; null when all are 1.</summary>
    public float[]? Weights { get; }

    /// <summary>Upper bound of the columns of all blocks.</summary>
    public int ColumnCount => _blocks.Max(block => block.ColumnCount);

    /// <summary>Row of <paramref name="block"/> that <paramref name="example"/> joins.</summary>
    public int RowOf(int block, int example) => _rows[block] is { } rows ? rows[example] : example;

    /// <summary>Weight of <paramref name="example"/>.</summary>
    public float WeightOf(int example) => Weights is { } weights ? weights[example] : 1f;

    /// <summary>
    /// The joined row of <paramref name="example"/>. With one block it is that block's own row; else it is put together in
    /// <paramref name="buffer"/> and valid until the buffer changes.
    /// </summary>
    public SparseRow Gather(int example, RowBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (_blocks.Length == 1)
        {
            return _blocks[0][RowOf(0, example)];
        }

        buffer.Clear();
        for (var block = 0; block < _blocks.Length; block++)
        {
            buffer.Append(_blocks[block][RowOf(block, example)]);
        }

        return buffer.Row;
    }

    /// <summary>
    /// The joined row of <paramref name="example"/>, with row <paramref name="row"/> in place of its own in <paramref name="replaced"/>.
    /// </summary>
    internal SparseRow GatherWith(int example, int replaced, int row, RowBuffer buffer)
    {
        buffer.Clear();
        for (var block = 0; block < _blocks.Length; block++)
        {
            buffer.Append(_blocks[block][block == replaced ? row : RowOf(block, example)]);
        }

        return buffer.Row;
    }

    /// <summary>The examples named by <paramref name="examples"/>, in that order, over the same blocks.</summary>
    public ExampleSet Select(ReadOnlySpan<int> examples)
    {
        var rows = new int[]?[_blocks.Length];
        for (var block = 0; block < rows.Length; block++)
        {
            var chosen = rows[block] = new int[examples.Length];
            for (var i = 0; i < chosen.Length; i++)
            {
                chosen[i] = RowOf(block, examples[i]);
            }
        }

        var targets = new float[examples.Length];
        var weights = Weights is null ? null : new float[examples.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            targets[i] = Targets[examples[i]];
            if (weights is not null)
            {
                weights[i] = Weights![examples[i]];
            }
        }

        return new ExampleSet(_blocks, rows, targets, weights);
    }

    /// <exception cref="ArgumentException">The examples have columns outside <paramref name="space"/>.</exception>
    internal void CheckColumns(FeatureSpace space)
    {
        if (ColumnCount > space.ColumnCount)
        {
            throw new ArgumentException($"The examples have {ColumnCount} columns; the space has {space.ColumnCount}.", nameof(space));
        }
    }

    private void CheckRows(int block)
    {
        var count = _blocks[block].Count;
        if (_rows[block] is not { } rows)
        {
            if (count != Count)
            {
                throw new ArgumentException($"Block {block} has {count} rows for {Count} examples.", nameof(rows));
            }

            return;
        }

        if (rows.Length != Count)
        {
            throw new ArgumentException($"Block {block} names rows of {rows.Length} examples; there are {Count}.", nameof(rows));
        }

        for (var example = 0; example < rows.Length; example++)
        {
            if ((uint)rows[example] >= (uint)count)
            {
                throw new ArgumentException($"Example {example} has row {rows[example]} of block {block}, which has {count} rows.", nameof(rows));
            }
        }
    }

    private void CheckNumbers()
    {
        if (Weights is not null && Weights.Length != Count)
        {
            throw new ArgumentException($"There are {Weights.Length} weights for {Count} examples.", nameof(Weights));
        }

        for (var example = 0; example < Targets.Length; example++)
        {
            if (!float.IsFinite(Targets[example]))
            {
                throw new ArgumentException($"Example {example} has the target {Targets[example]}; targets must be finite.", nameof(Targets));
            }

            var weight = WeightOf(example);
            if (!float.IsFinite(weight) || weight < 0f)
            {
                throw new ArgumentException($"Example {example} has the weight {weight}; weights must be finite and not negative.", nameof(Weights));
            }
        }
    }
}
