namespace RecService.Api.Training;

/// <summary>A column that grows, in blocks, as an array that grows is there twice each time.</summary>
internal sealed class Collected<T>
{
    private const int BlockBits = 16;
    private const int BlockLength = 1 << BlockBits;

    private readonly List<T[]> _blocks = [];

    public int Count { get; private set; }

    public T this[int n] => _blocks[n >> BlockBits][n & (BlockLength - 1)];

    public void Add(T value)
    {
        if (Count == _blocks.Count << BlockBits)
        {
            _blocks.Add(new T[BlockLength]);
        }

        _blocks[^1][Count++ & (BlockLength - 1)] = value;
    }

    /// <summary>Fills in the values in an order and returns them; lets the blocks go.</summary>
    public T[] MoveTo(T[] values, int[] order)
    {
        for (var n = 0; n < order.Length; n++)
        {
            values[n] = this[order[n]];
        }

        Clear();
        return values;
    }

    public void Clear()
    {
        _blocks.Clear();
        Count = 0;
    }
}
