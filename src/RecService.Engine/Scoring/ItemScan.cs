using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>The loops of ranking over items, written for one kind of machine.</summary>
internal abstract unsafe class ItemScan
{
    private static readonly ItemScan[] All =
    [
        new ItemScan<float, Lanes1, NoByteLanes<float>>("scalar"),
        new ItemScan<Vector128<float>, Lanes4, ByteLanes4>("vector128"),
        new ItemScan<Vector256<float>, Lanes8, ByteLanes8>("vector256"),
        new ItemScan<Vector512<float>, Lanes16, ByteLanes16>("vector512"),
    ];

    /// <summary>Name of the kernel that has registers as wide.</summary>
    public abstract string Name { get; }

    /// <summary>Whether <see cref="Estimate"/> can be used.</summary>
    public abstract bool HasBytes { get; }

    public static ItemScan Of(FactorizationKernel kernel) => Array.Find(All, scan => scan.Name == kernel.Name)!;

    /// <summary>⟨query, vector⟩ of some vectors, one after the other.</summary>
    /// <param name="query">The query.</param>
    /// <param name="vectors">The vectors; those of the last block may be read to its end.</param>
    /// <param name="length">Floats of a vector, a multiple of 16.</param>
    /// <param name="count">Number of vectors.</param>
    /// <param name="products">Receives a number for each vector, to the end of the last block.</param>
    public abstract void Multiply(float* query, float* vectors, int length, int count, float* products);

    /// <summary>The same by the bytes of query and vectors, for the blocks that have items which are asked for.</summary>
    /// <param name="query">The query's bytes.</param>
    /// <param name="chunk">The items.</param>
    /// <param name="block">The first block.</param>
    /// <param name="items">A bit for each item.</param>
    /// <param name="products">Receives a number for each item of these blocks.</param>
    public abstract void Estimate(ByteQuery query, ItemChunk chunk, int block, ReadOnlySpan<ulong> items, float* products);

    /// <summary>The items that may not be passed over: product + weight · number is not below the least that counts in the block.</summary>
    /// <param name="products">A number for each item.</param>
    /// <param name="numbers">Another one.</param>
    /// <param name="weight">What it is multiplied by.</param>
    /// <param name="leasts">The least that counts, of each block.</param>
    /// <param name="items">A bit for each item; those of others are cleared.</param>
    public abstract void Keep(float* products, float* numbers, float weight, float* leasts, Span<ulong> items);

    /// <summary>Fills in what sums of 16 blocks must not be below.</summary>
    /// <param name="bounds">What they may differ by from what is exact.</param>
    /// <param name="least">What they must not be below if they were exact.</param>
    /// <param name="chunk">The items.</param>
    /// <param name="block">The first block.</param>
    /// <param name="leasts">Receives a number for each block.</param>
    public abstract void Bound(in BlockBounds bounds, float least, ItemChunk chunk, int block, float* leasts);
}

/// <summary>The loops, over registers of one width.</summary>
internal sealed unsafe class ItemScan<TVector, TLanes, TByteLanes>(string name) : ItemScan
    where TLanes : ILanes<TVector>
    where TByteLanes : IByteLanes<TVector>
{
    public override string Name => name;

    public override bool HasBytes => TByteLanes.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(float* query, float* vectors, int length, int count, float* products)
    {
        // Four at a time, so that no sum waits for the one before.
        for (var item = 0; item < count; item += 4, vectors += 4 * length)
        {
            var (a, b, c, d) = (TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero);
            for (var at = 0; at < length; at += TLanes.Width)
            {
                var q = TLanes.Load(query + at);
                a = TLanes.MultiplyAdd(q, TLanes.Load(vectors + at), a);
                b = TLanes.MultiplyAdd(q, TLanes.Load(vectors + length + at), b);
                c = TLanes.MultiplyAdd(q, TLanes.Load(vectors + (2 * length) + at), c);
                d = TLanes.MultiplyAdd(q, TLanes.Load(vectors + (3 * length) + at), d);
            }

            TLanes.StoreSums(a, b, c, d, products + item);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Estimate(ByteQuery query, ItemChunk chunk, int block, ReadOnlySpan<ulong> items, float* products)
    {
        fixed (int* quads = query.Quads)
        {
            for (var b = 0; b < items.Length * (64 / ItemChunk.BlockSize); b++, products += ItemChunk.BlockSize)
            {
                if ((ushort)(items[b / 4] >> (ItemChunk.BlockSize * b)) == 0)
                {
                    continue;
                }

                var scale = TLanes.Of(query.Step * chunk.Steps[block + b]);
                var bytes = chunk.Bytes + ((nint)(block + b) * query.Quads.Length * 64);
                for (var item = 0; item < ItemChunk.BlockSize; item += TLanes.Width)
                {
                    TLanes.Store(TLanes.Multiply(scale, TByteLanes.Dot(query.Start, quads, bytes + (4 * item), query.Quads.Length)), products + item);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Keep(float* products, float* numbers, float weight, float* leasts, Span<ulong> items)
    {
        var w = TLanes.Of(weight);
        for (var word = 0; word < items.Length; word++)
        {
            if (items[word] == 0)
            {
                continue;
            }

            var kept = 0ul;
            for (var item = 0; item < 64; item += TLanes.Width)
            {
                var at = (word * 64) + item;
                var sum = TLanes.MultiplyAdd(w, TLanes.Load(numbers + at), TLanes.Load(products + at));
                kept |= (ulong)TLanes.NotBelow(sum, TLanes.Of(leasts[at / ItemChunk.BlockSize])) << item;
            }

            items[word] &= kept;
        }
    }

    public override void Bound(in BlockBounds bounds, float least, ItemChunk chunk, int block, float* leasts)
    {
        for (var b = 0; b < ItemChunk.BlockSize; b += TLanes.Width)
        {
            var magnitude = TLanes.Add(TLanes.Of(bounds.Magnitude), TLanes.Load(chunk.BlockMagnitudes + block + b));
            var rounding = TLanes.Multiply(
                TLanes.Multiply(TLanes.Of(bounds.Rounding), magnitude),
                TLanes.MultiplyAdd(TLanes.Of(bounds.FieldWeight), magnitude, TLanes.Of(1))
            );
            var error = TLanes.MultiplyAdd(TLanes.Of(bounds.OfErrors), TLanes.Load(chunk.Errors + block + b), TLanes.Of(BlockBounds.Underflow));
            error = TLanes.MultiplyAdd(TLanes.Of(bounds.OfLengths), TLanes.Load(chunk.Lengths + block + b), error);
            TLanes.Store(TLanes.Subtract(TLanes.Of(least), TLanes.Add(rounding, error)), leasts + b);
        }
    }
}
