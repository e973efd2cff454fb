using System.Diagnostics.CodeAnalysis;

namespace RecService.Engine.Data;

/// <summary>
/// Immutable sparse rows of which a copy with some rows changed costs as much as these and the chunks of 1,024 that they lie in: all others are shared.
/// </summary>
public sealed class RowChunks
{
    private readonly Chunk[] _chunks;

    /// <summary>The same rows; nothing is copied.</summary>
    public RowChunks(SparseRows rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        (Count, ColumnCount, EntryCount) = (rows.Count, rows.ColumnCount, rows.EntryCount);
        _chunks = new Chunk[RowChanges.ChunksOf(rows.Count)];
        for (var chunk = 0; chunk < _chunks.Length; chunk++)
        {
            _chunks[chunk] = new(rows, chunk << RowChanges.ChunkShift);
        }
    }

    private RowChunks(RowChunks former, RowChanges changes, SparseRows rows)
    {
        Count = changes.Count;
        ColumnCount = Math.Max(former.ColumnCount, rows.ColumnCount);
        EntryCount = former.EntryCount;
        _chunks = new Chunk[changes.ChunkCount];
        former._chunks.CopyTo(_chunks, 0);
        foreach (var chunk in changes.Chunks)
        {
            var first = chunk << RowChanges.ChunkShift;
            var changed = new SparseRowsBuilder();
            for (var row = first; row < Math.Min(Count, first + RowChanges.ChunkSize); row++)
            {
                EntryCount -= row < former.Count ? former[row].Length : 0;
                changed.AddRow(changes.PlaceOf(row) is { } place ? rows[place] : former[row]);
            }

            _chunks[chunk] = new(changed.Build(), 0);
            EntryCount += _chunks[chunk].Rows.EntryCount;
        }
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Upper bound of the columns: every column is below it.</summary>
    public int ColumnCount { get; }

    /// <summary>Number of entries of all rows.</summary>
    public long EntryCount { get; }

    /// <summary>The entries of one row.</summary>
    public SparseRow this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            var chunk = _chunks[row >> RowChanges.ChunkShift];
            return chunk.Rows[chunk.First + (row & (RowChanges.ChunkSize - 1))];
        }
    }

    /// <summary>The same rows; nothing is copied. Null of null, as where there are no rows.</summary>
    [return: NotNullIfNotNull(nameof(rows))]
    public static implicit operator RowChunks?(SparseRows? rows) => rows is null ? null : new(rows);

    /// <summary>Rows without entries.</summary>
    public static RowChunks Empty(int count) => new(SparseRows.FromDense([], count, 0));

    /// <summary>These rows with others in the places of some, or behind them.</summary>
    /// <param name="places">
    /// Which rows are replaced; those that are added in order, the first of them <see cref="Count"/>. Of one named twice, the last counts.
    /// </param>
    /// <param name="rows">What takes their places.</param>
    /// <exception cref="ArgumentException">A place is neither a row nor the next one, or there is not a row for each.</exception>
    public RowChunks With(IReadOnlyList<int> places, SparseRows rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new(this, new(places, Count, rows.Count), rows);
    }

    /// <summary>The rows in one block: without a copy where none has changed.</summary>
    public SparseRows ToSparseRows()
    {
        if (_chunks.Length > 0 && _chunks[0].Rows.Count == Count && Array.TrueForAll(_chunks, chunk => ReferenceEquals(chunk.Rows, _chunks[0].Rows)))
        {
            return _chunks[0].Rows;
        }

        var rows = new SparseRowsBuilder(ColumnCount);
        for (var row = 0; row < Count; row++)
        {
            rows.AddRow(this[row]);
        }

        return rows.Build();
    }

    private readonly record struct Chunk(SparseRows Rows, int First);
}
