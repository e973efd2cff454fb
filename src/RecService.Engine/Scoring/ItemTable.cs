using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>The items of a catalogue as a model sees them, in chunks that tables share in which nothing of them differs. Immutable.</summary>
internal sealed class ItemTable
{
    private readonly float[] _columnNorms;
    private readonly bool[] _fields;

    /// <param name="model">The model.</param>
    /// <param name="rows">The columns of each item, all of the model's space.</param>
    /// <param name="kernel">The kernel.</param>
    public ItemTable(FactorizationModel model, RowChunks rows, FactorizationKernel kernel)
    {
        Model = model;
        Rows = rows;
        Kernel = kernel;
        Scorer = new(model, kernel);
        _fields = new bool[model.Space.FieldCount];
        for (var item = 0; item < rows.Count; item++)
        {
            AddFields(rows[item], _fields);
            LongestRow = Math.Max(LongestRow, rows[item].Length);
        }

        Vectors = new(model, [.. Enumerable.Range(0, _fields.Length).Where(field => _fields[field])], kernel);
        _columnNorms = [.. Enumerable.Range(0, model.Space.ColumnCount).Select(ColumnNorm)];
        LargestFieldWeight = 1;
        foreach (var weight in model.FieldWeights)
        {
            LargestFieldWeight = Math.Max(LargestFieldWeight, Math.Abs(weight));
        }

        Chunks = new ItemChunk[RowChanges.ChunksOf(rows.Count)];
        for (var chunk = 0; chunk < Chunks.Length; chunk++)
        {
            Chunks[chunk] = NewChunk(chunk);
        }

        Compute(Enumerable.Range(0, rows.Count));
    }

    private ItemTable(ItemTable former, RowChanges changes, RowChunks rows, bool[] fields)
    {
        Model = former.Model;
        Rows = rows;
        Kernel = former.Kernel;
        Scorer = former.Scorer;
        Vectors = former.Vectors;
        _columnNorms = former._columnNorms;
        LargestFieldWeight = former.LargestFieldWeight;
        _fields = fields;
        LongestRow = Math.Max(former.LongestRow, changes.Rows.Select(row => rows[row.Row].Length).DefaultIfEmpty().Max());
        Chunks = new ItemChunk[changes.ChunkCount];
        former.Chunks.CopyTo(Chunks, 0);
        foreach (var chunk in changes.Chunks)
        {
            Chunks[chunk] = chunk < former.Chunks.Length ? new(former.Chunks[chunk], CountOf(chunk)) : NewChunk(chunk);
        }

        Compute(changes.Rows.Select(row => row.Row));
    }

    public FactorizationModel Model { get; }

    /// <summary>The columns of each item.</summary>
    public RowChunks Rows { get; }

    public FactorizationKernel Kernel { get; }

    public Scorer Scorer { get; }

    /// <summary>What makes z of items and q of requests.</summary>
    public ItemVectors Vectors { get; }

    /// <summary>The items, <see cref="RowChanges.ChunkSize"/> in each but the last one.</summary>
    public ItemChunk[] Chunks { get; }

    /// <summary>For each field whether there are, or have been, items with columns of it.</summary>
    public ReadOnlySpan<bool> HasField => _fields;

    /// <summary>The largest |r| of a field-weighted model, at least 1.</summary>
    public float LargestFieldWeight { get; }

    /// <summary>The most columns that an item has, or has had.</summary>
    public int LongestRow { get; }

    /// <summary>The table with other items in the places of some, or behind them.</summary>
    /// <param name="items">Which items are replaced or added.</param>
    /// <param name="rows">Their columns.</param>
    public ItemTable With(IReadOnlyList<int> items, SparseRows rows)
    {
        var changes = new RowChanges(items, Rows.Count, rows.Count);
        var changed = Rows.With(items, rows);
        var fields = _fields.ToArray();
        for (var row = 0; row < rows.Count; row++)
        {
            AddFields(rows[row], fields);
        }

        return ItemVectors.HasParts(Model.Crossing) && !fields.AsSpan().SequenceEqual(_fields)
            ? new(Model, changed, Kernel)
            : new(this, changes, changed, fields);
    }

    /// <summary>Where an item is.</summary>
    public (ItemChunk Chunk, int At) PlaceOf(int item)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)item, (uint)Rows.Count, nameof(item));
        return (Chunks[item >> RowChanges.ChunkShift], item & (RowChanges.ChunkSize - 1));
    }

    /// <summary>What bounds every intermediate result of a row: Σ |x_i| (|w_i| + ‖v_i‖).</summary>
    public float Magnitude(SparseRow row)
    {
        var magnitude = 0f;
        for (var e = 0; e < row.Length; e++)
        {
            magnitude += MathF.Abs(row.ValueAt(e)) * (MathF.Abs(Model.Weights[row.Columns[e]]) + _columnNorms[row.Columns[e]]);
        }

        return magnitude;
    }

    private void AddFields(SparseRow row, bool[] fields)
    {
        foreach (var column in row.Columns)
        {
            fields[Model.Space.ColumnFields[column]] = true;
        }
    }

    /// <summary>Number of items in a chunk.</summary>
    private int CountOf(int chunk) => Math.Min(RowChanges.ChunkSize, Rows.Count - (chunk << RowChanges.ChunkShift));

    private ItemChunk NewChunk(int chunk) => new(CountOf(chunk), Vectors.Parts, Vectors.PartStride, Vectors.PartLength);

    /// <summary>Computes what the chunks hold of some items.</summary>
    private unsafe void Compute(IEnumerable<int> items)
    {
        var query = new float[Vectors.Length];
        var workspace = Scorer.Rent();
        var blocks = new HashSet<int>();
        foreach (var item in items)
        {
            var (chunk, at) = PlaceOf(item);
            chunk.Constants[at] = workspace.Forward(Rows[item], Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights) + linear;
            var vector = chunk.Vector(at);
            Vectors.Take(workspace, vector);
            Vectors.LikenessQuery(vector, query);
            chunk.Norms[at] = MathF.Sqrt(Math.Max(0, Kernel.Dot(query, vector)));
            chunk.Magnitudes[at] = Magnitude(Rows[item]);
            blocks.Add(item / ItemChunk.BlockSize);
        }

        Scorer.Return(workspace);
        foreach (var block in blocks)
        {
            var (chunk, at) = PlaceOf(block * ItemChunk.BlockSize);
            chunk.Summarise(at / ItemChunk.BlockSize);
        }

        GC.KeepAlive(Chunks);
    }

    private float ColumnNorm(int column)
    {
        var squares = 0.0;
        foreach (var factor in Model.FactorsOf(column))
        {
            squares += (double)factor * factor;
        }

        return (float)Math.Sqrt(squares);
    }
}
