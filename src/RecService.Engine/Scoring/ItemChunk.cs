using RecService.Engine.Data;

namespace RecService.Engine.Scoring;

/// <summary>What ranking reads of up to <see cref="RowChunks"/>' 1,024 items, in one block of memory. Does not change once a ranker has it.</summary>
internal sealed unsafe class ItemChunk
{
    /// <summary>Items whose numbers stand together.</summary>
    public const int BlockSize = 16;

    private const int CacheLine = 64;

    // Pinned, so that its place can be chosen and what is read of it needs no fixing; not native memory, which the garbage collector would not know of.
    private readonly float[] _numbers;
    private readonly int _length;
    private readonly int _capacity;
    private readonly int _first;

    /// <param name="count">Number of items.</param>
    /// <param name="length">Floats of a vector, a multiple of 16.</param>
    public ItemChunk(int count, int length)
    {
        Count = count;
        _length = length;
        _capacity = (count + BlockSize - 1) / BlockSize * BlockSize;
        _numbers = GC.AllocateArray<float>(checked((_capacity * (length + 3)) + (CacheLine / sizeof(float))), pinned: true);
        fixed (float* numbers = _numbers)
        {
            Vectors = (float*)(((nuint)numbers + CacheLine - 1) & ~(nuint)(CacheLine - 1));
            _first = (int)(Vectors - numbers);
        }
    }

    /// <summary>The same items, with room for more.</summary>
    public ItemChunk(ItemChunk former, int count)
        : this(count, former._length)
    {
        Copy(former.Vectors, Vectors, former.Count * _length);
        Copy(former.Constants, Constants, former.Count);
        Copy(former.Norms, Norms, former.Count);
        Copy(former.Magnitudes, Magnitudes, former.Count);
    }

    /// <summary>Number of items.</summary>
    public int Count { get; }

    /// <summary>z of each item, one after the other.</summary>
    public float* Vectors { get; }

    /// <summary>c of each item.</summary>
    public float* Constants => Vectors + (_capacity * _length);

    /// <summary>What cosines divide by: the length of each item's z.</summary>
    public float* Norms => Constants + _capacity;

    /// <summary>For each item what bounds every intermediate result of its row.</summary>
    public float* Magnitudes => Norms + _capacity;

    /// <summary>z of an item.</summary>
    public Span<float> Vector(int item) => _numbers.AsSpan(_first + (item * _length), _length);

    private static void Copy(float* from, float* to, int count) => new ReadOnlySpan<float>(from, count).CopyTo(new(to, count));
}
