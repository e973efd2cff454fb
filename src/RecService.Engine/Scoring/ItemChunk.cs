using RecService.Engine.Data;

namespace RecService.Engine.Scoring;

/// <summary>
/// What ranking reads of up to <see cref="RowChanges.ChunkSize"/> items, in one block of memory. Does not change once a ranker has it.
/// </summary>
/// <remarks>
/// z = step · bytes + e: the bytes of 16 items, a block, have one step and one bound of ‖e‖, so that an inner product with them is that with z within
/// a bound by Cauchy and Schwarz.
/// </remarks>
internal sealed unsafe class ItemChunk
{
    /// <summary>Items of a block.</summary>
    public const int BlockSize = 16;

    /// <summary>The byte that stands for 0.</summary>
    public const int ByteZero = 128;

    private const int GreatestByte = 127;
    private const int CacheLine = 64;
    private const int FloatsPerLine = CacheLine / sizeof(float);

    /// <summary>What numbers of blocks are multiplied by to be bounds in spite of their rounding.</summary>
    private const double Upwards = 1 + 1e-6;

    // Pinned, so that its place can be chosen and what is read of it needs no fixing; not native memory, which the garbage collector would not know of.
    private readonly float[] _numbers;
    private readonly int _length;
    private readonly int _parts;
    private readonly int _quads;
    private readonly int _capacity;
    private readonly int _first;

    /// <param name="count">Number of items.</param>
    /// <param name="parts">Parts of a vector.</param>
    /// <param name="stride">Floats of a part, a multiple of 16.</param>
    /// <param name="factors">How many of them are not padding.</param>
    public ItemChunk(int count, int parts, int stride, int factors)
    {
        Count = count;
        _length = parts * stride;
        _parts = parts;
        _quads = QuadsOf(factors);
        // Loops go by 64 items and by 16 blocks at a time.
        _capacity = (count + 63) / 64 * 64;
        var blocks = (count + (BlockSize * BlockSize) - 1) / (BlockSize * BlockSize) * BlockSize;
        var bytes = _capacity * _parts * _quads;
        _numbers = GC.AllocateArray<float>(checked((_capacity * (_length + 3)) + bytes + (4 * blocks) + FloatsPerLine), pinned: true);
        fixed (float* numbers = _numbers)
        {
            Vectors = (float*)(((nuint)numbers + CacheLine - 1) & ~(nuint)(CacheLine - 1));
            _first = (int)(Vectors - numbers);
        }

        Bytes = (byte*)(Vectors + (_capacity * _length));
        Constants = (float*)Bytes + bytes;
        Norms = Constants + _capacity;
        Magnitudes = Norms + _capacity;
        Steps = Magnitudes + _capacity;
        Errors = Steps + blocks;
        Lengths = Errors + blocks;
        BlockMagnitudes = Lengths + blocks;
    }

    /// <summary>The same items, with room for more.</summary>
    public ItemChunk(ItemChunk former, int count)
        : this(count, former._parts, former._parts == 0 ? 0 : former._length / former._parts, former._quads * 4)
    {
        Copy(former.Vectors, Vectors, former.Count * _length);
        Copy((float*)former.Bytes, (float*)Bytes, former._capacity * _parts * _quads);
        Copy(former.Constants, Constants, former.Count);
        Copy(former.Norms, Norms, former.Count);
        Copy(former.Magnitudes, Magnitudes, former.Count);
        var blocks = former.BlockCount;
        Copy(former.Steps, Steps, blocks);
        Copy(former.Errors, Errors, blocks);
        Copy(former.Lengths, Lengths, blocks);
        Copy(former.BlockMagnitudes, BlockMagnitudes, blocks);
        GC.KeepAlive(former);
    }

    /// <summary>Number of items.</summary>
    public int Count { get; }

    /// <summary>z of each item, one after the other, each from the begin of a cache line.</summary>
    public float* Vectors { get; }

    /// <summary>z in bytes: of each block, four factors of one item after the other.</summary>
    public byte* Bytes { get; }

    /// <summary>c of each item.</summary>
    public float* Constants { get; }

    /// <summary>What cosines divide by: the length of each item's z.</summary>
    public float* Norms { get; }

    /// <summary>For each item what bounds every intermediate result of its row.</summary>
    public float* Magnitudes { get; }

    /// <summary>What the bytes of each block are multiplied by; no number where a z is not finite.</summary>
    public float* Steps { get; }

    /// <summary>The largest ‖e‖ of each block.</summary>
    public float* Errors { get; }

    /// <summary>The largest ‖step · bytes‖ of each block.</summary>
    public float* Lengths { get; }

    /// <summary>The largest of <see cref="Magnitudes"/> of each block.</summary>
    public float* BlockMagnitudes { get; }

    private int BlockCount => (Count + BlockSize - 1) / BlockSize;

    /// <summary>Quads of bytes that so many factors fill.</summary>
    public static int QuadsOf(int factors) => (factors + 3) / 4;

    /// <summary>z of an item.</summary>
    public Span<float> Vector(int item) => _numbers.AsSpan(_first + (item * _length), _length);

    /// <summary>Takes over what has changed in a block into its bytes and bounds.</summary>
    public void Summarise(int block)
    {
        var first = block * BlockSize;
        var count = Math.Min(BlockSize, Count - first);
        var (largest, magnitude) = (0f, 0f);
        // Both give no number where there is one that is none.
        foreach (var number in new ReadOnlySpan<float>(Vectors + (first * _length), count * _length))
        {
            largest = MathF.Max(largest, MathF.Abs(number));
        }

        for (var item = first; item < first + count; item++)
        {
            magnitude = MathF.Max(magnitude, Magnitudes[item]);
        }

        var step = largest / GreatestByte;
        var (error, length) = (0.0, 0.0);
        for (var item = 0; item < BlockSize; item++)
        {
            var (errors, squares) = WriteBytes(block, item, float.IsFinite(step) && item < count ? step : 0);
            (error, length) = (Math.Max(error, errors), Math.Max(length, squares));
        }

        Steps[block] = float.IsFinite(step) ? step : float.NaN;
        Errors[block] = (float)(Math.Sqrt(error) * Upwards);
        Lengths[block] = (float)(Math.Sqrt(length) * Upwards);
        BlockMagnitudes[block] = magnitude;
    }

    /// <summary>Writes the bytes of an item; returns ‖e‖² and ‖step · bytes‖².</summary>
    private (double Errors, double Squares) WriteBytes(int block, int item, float step)
    {
        var (errors, squares) = (0.0, 0.0);
        var z = Vectors + ((nint)((block * BlockSize) + item) * _length);
        var stride = _parts == 0 ? 0 : _length / _parts;
        var bytes = Bytes + ((nint)block * _parts * _quads * CacheLine) + (4 * item);
        for (var part = 0; part < _parts; part++, z += stride)
        {
            for (var at = 0; at < 4 * _quads; at++)
            {
                var rounded = step > 0 ? Math.Clamp((int)MathF.Round(z[at] / step), -GreatestByte, GreatestByte) : 0;
                var value = (double)step * rounded;
                errors += (z[at] - value) * (z[at] - value);
                squares += value * value;
                bytes[(((part * _quads) + (at / 4)) * CacheLine) + (at % 4)] = (byte)(rounded + ByteZero);
            }
        }

        return (errors, squares);
    }

    private static void Copy(float* from, float* to, int count) => new ReadOnlySpan<float>(from, count).CopyTo(new(to, count));
}
