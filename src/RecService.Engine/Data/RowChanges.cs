namespace RecService.Engine.Data;

/// <summary>Which of a number of rows are replaced, and which come behind them, where rows lie in chunks.</summary>
internal sealed class RowChanges
{
    /// <summary>Rows of a chunk: what is copied for the sake of one that changes.</summary>
    public const int ChunkSize = 1 << ChunkShift;

    public const int ChunkShift = 10;

    private readonly IReadOnlyList<int> _rows;
    private readonly Dictionary<int, int> _places;

    /// <param name="rows">The rows; those that are new in order, the first of them <paramref name="count"/>.</param>
    /// <param name="count">How many rows there are.</param>
    /// <param name="given">How many rows there are to take their places.</param>
    /// <exception cref="ArgumentException">A row is neither there nor the next one, or not as many are given.</exception>
    public RowChanges(IReadOnlyList<int> rows, int count, int given)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count != given)
        {
            throw new ArgumentException($"{rows.Count} rows cannot be replaced by {given}.", nameof(rows));
        }

        (_rows, _places, Count) = (rows, new(rows.Count), count);
        for (var i = 0; i < rows.Count; i++)
        {
            if ((uint)rows[i] > (uint)Count)
            {
                throw new ArgumentException($"Row {rows[i]} is neither one of {Count} nor the next.", nameof(rows));
            }

            Count = Math.Max(Count, rows[i] + 1);
            _places[rows[i]] = i;
        }
    }

    /// <summary>How many rows there are afterwards.</summary>
    public int Count { get; }

    /// <summary>The rows, each once, with what is given for it; the last where one is named twice.</summary>
    public IEnumerable<(int Row, int Place)> Rows => _places.Select(place => (place.Key, place.Value));

    /// <summary>The chunks that the rows lie in.</summary>
    public IEnumerable<int> Chunks => _rows.Select(row => row >> ChunkShift).Distinct();

    /// <summary>Number of chunks afterwards.</summary>
    public int ChunkCount => ChunksOf(Count);

    /// <summary>What is given for a row; null when it stays.</summary>
    public int? PlaceOf(int row) => _places.TryGetValue(row, out var place) ? place : null;

    /// <summary>Number of chunks of so many rows.</summary>
    public static int ChunksOf(int rows) => (rows >> ChunkShift) + ((rows & (ChunkSize - 1)) == 0 ? 0 : 1);
}
