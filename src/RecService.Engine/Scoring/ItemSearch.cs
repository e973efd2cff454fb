using System.Numerics;
using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>
/// A search for the items of the highest scores: which of a stretch of items may be among them is found out by inner products, of bytes where there are
/// bytes. Not thread-safe.
/// </summary>
internal abstract unsafe class ItemSearch
{
    /// <summary>Items that are looked at before it is asked again what no item may be below.</summary>
    private const int Stretch = 256;

    /// <summary>So few items of a stretch are looked at one by one.</summary>
    private const int Sparse = 24;

    /// <summary>Single items whose numbers are fetched while others are looked at.</summary>
    private const int Ahead = 16;

    private const int WordsPerStretch = Stretch / 64;
    private const int BlocksPerStretch = Stretch / ItemChunk.BlockSize;

    private readonly ItemScan _scan;
    private readonly FactorizationKernel _kernel;
    private readonly ItemQuery _query;
    private readonly ItemSet? _allowed;
    private readonly (ItemChunk Chunk, int At, int Item)[] _single = new (ItemChunk, int, int)[Ahead];
    private int _singleCount;

    /// <param name="kernel">The kernel.</param>
    /// <param name="query">q.</param>
    /// <param name="allowed">The items that may be found; null for all.</param>
    /// <param name="bounds">What the sum of a block's item may differ by from its score.</param>
    protected ItemSearch(FactorizationKernel kernel, ItemQuery query, ItemSet? allowed, BlockBounds bounds)
    {
        _scan = ItemScan.Of(kernel);
        _kernel = kernel;
        _query = query;
        _allowed = allowed;
        Bounds = bounds;
    }

    /// <summary>Looks at the items of a chunk.</summary>
    /// <param name="chunk">The chunk.</param>
    /// <param name="first">Its first item.</param>
    [SkipLocalsInit]
    public void Look(ItemChunk chunk, int first)
    {
        Span<ulong> items = stackalloc ulong[WordsPerStretch];
        for (var from = 0; from < chunk.Count; from += Stretch)
        {
            var words = items[..((Math.Min(Stretch, chunk.Count - from) + 63) / 64)];
            var count = Allowed(first + from, Math.Min(Stretch, chunk.Count - from), words);
            if (count == 0)
            {
                continue;
            }

            if (count > Sparse)
            {
                Keep(chunk, from, words);
            }

            for (var word = 0; word < words.Length; word++)
            {
                for (var left = words[word]; left != 0; left &= left - 1)
                {
                    var at = from + (word * 64) + BitOperations.TrailingZeroCount(left);
                    if (count > Sparse)
                    {
                        Consider(chunk, at, first + at, Product(chunk, at));
                    }
                    else
                    {
                        ConsiderLater(chunk, at, first + at);
                    }
                }
            }
        }
    }

    /// <summary>Looks at what is left, once all chunks have been gone through.</summary>
    public void LookAtRest()
    {
        for (var i = 0; i < _singleCount; i++)
        {
            var (chunk, at, item) = _single[i];
            Consider(chunk, at, item, Product(chunk, at));
        }

        _singleCount = 0;
    }

    /// <summary>⟨q, z⟩ of an item.</summary>
    protected float Product(ItemChunk chunk, int at) => _kernel.Dot(_query.Vector, chunk.Vector(at));

    /// <summary>What an item's product is added to.</summary>
    protected abstract float* Numbers(ItemChunk chunk);

    /// <summary>What <see cref="Numbers"/> are multiplied by.</summary>
    protected abstract float Weight { get; }

    /// <summary>What the sum of product and number must not be below, but for <see cref="Bounds"/>.</summary>
    protected abstract float Least { get; }

    /// <summary>What the sum of a block's item may differ by from its score.</summary>
    protected BlockBounds Bounds { get; }

    /// <summary>Takes an item into account.</summary>
    protected abstract void Consider(ItemChunk chunk, int at, int item, float product);

    /// <summary>The items of a stretch that are allowed, and how many they are.</summary>
    private int Allowed(int first, int count, Span<ulong> words)
    {
        if (_allowed is null)
        {
            words.Fill(ulong.MaxValue);
            words[^1] >>= (64 - count) & 63;
            return count;
        }

        // Stretches begin with a word.
        _allowed.Words.Slice(first / 64, words.Length).CopyTo(words);
        var allowed = 0;
        foreach (var word in words)
        {
            allowed += BitOperations.PopCount(word);
        }

        return allowed;
    }

    /// <summary>Clears the bits of items that are not among the first.</summary>
    [SkipLocalsInit]
    private void Keep(ItemChunk chunk, int from, Span<ulong> items)
    {
        var products = stackalloc float[Stretch];
        var leasts = stackalloc float[BlocksPerStretch];
        _scan.Bound(Bounds, Least, chunk, from / ItemChunk.BlockSize, leasts);
        if (_query.Bytes is { } bytes)
        {
            _scan.Estimate(bytes, chunk, from / ItemChunk.BlockSize, items, products);
        }
        else
        {
            fixed (float* query = _query.Vector)
            {
                var length = _query.Vector.Length;
                _scan.Multiply(query, chunk.Vectors + ((nint)from * length), length, Math.Min(Stretch, chunk.Count - from), products);
            }
        }

        _scan.Keep(products, Numbers(chunk) + from, Weight, leasts, items);
    }

    private void ConsiderLater(ItemChunk chunk, int at, int item)
    {
        if (_singleCount == Ahead)
        {
            LookAtRest();
        }

        Cache.Prefetch(chunk.Vectors + ((nint)at * _query.Vector.Length), (nuint)_query.Vector.Length);
        Cache.Prefetch(Numbers(chunk) + at);
        _single[_singleCount++] = (chunk, at, item);
    }
}

/// <summary>A search for the items of the highest scores: inner products choose candidates, with bounds of their error.</summary>
internal sealed unsafe class ScoreSearch : ItemSearch
{
    private readonly TopItems _top;
    private readonly float _constant;
    private readonly Dictionary<int, float>? _repeats;

    /// <param name="kernel">The kernel.</param>
    /// <param name="query">q.</param>
    /// <param name="constant">All of a score that the request has without an item.</param>
    /// <param name="allowed">The items that may be found; null for all.</param>
    /// <param name="repeats">The items that come again, which are not looked at.</param>
    /// <param name="bounds">What bounds the errors of scores.</param>
    /// <param name="top">Receives the items.</param>
    public ScoreSearch(
        FactorizationKernel kernel,
        ItemQuery query,
        float constant,
        ItemSet? allowed,
        Dictionary<int, float>? repeats,
        BlockBounds bounds,
        TopItems top
    )
        : base(kernel, query, allowed, bounds)
    {
        (_top, _constant, _repeats) = (top, constant, repeats);
    }

    protected override float Weight => 1;

    protected override float Least => _top.Threshold - _constant;

    protected override float* Numbers(ItemChunk chunk) => chunk.Constants;

    /// <summary>Takes an item that comes again into account.</summary>
    /// <param name="chunk">Its chunk.</param>
    /// <param name="at">Its place there.</param>
    /// <param name="item">The item.</param>
    /// <param name="term">What coming again adds to its score.</param>
    /// <param name="magnitude">What bounds every intermediate result of the term.</param>
    /// <param name="entries">Number of entries of the term.</param>
    public void AddRepeated(ItemChunk chunk, int at, int item, float term, float magnitude, int entries)
    {
        var score = _constant + chunk.Constants[at] + Product(chunk, at) + term;
        // As many roundings more, of at least 64.
        var error = Bounds.RoundingOf(chunk.Magnitudes[at] + magnitude) * (1 + (entries / 32f));
        _top.Add(item, score - error, score + error);
    }

    protected override void Consider(ItemChunk chunk, int at, int item, float product)
    {
        if (_repeats is null || !_repeats.ContainsKey(item))
        {
            var score = _constant + chunk.Constants[at] + product;
            var error = Bounds.RoundingOf(chunk.Magnitudes[at]);
            _top.Add(item, score - error, score + error);
        }
    }
}

/// <summary>A search for the items of the highest cosines.</summary>
internal sealed unsafe class LikenessSearch : ItemSearch
{
    /// <summary>The share that a cosine may lose by rounding once there is the inner product.</summary>
    private const float CosineRounding = 16 * BlockBounds.UnitRoundoff;

    private readonly TopItems _top;
    private readonly int _self;
    private readonly float _norm;

    /// <param name="kernel">The kernel.</param>
    /// <param name="query">What is multiplied by an item's z.</param>
    /// <param name="norm">The item's own length, which cosines are divided by.</param>
    /// <param name="self">The item itself, which is not looked at.</param>
    /// <param name="allowed">The items that may be found; null for all.</param>
    /// <param name="top">Receives the items.</param>
    public LikenessSearch(FactorizationKernel kernel, ItemQuery query, float norm, int self, ItemSet? allowed, TopItems top)
        : base(kernel, query, allowed, BlockBounds.OfProducts(query))
    {
        (_top, _norm, _self) = (top, norm, self);
    }

    // Lengths can only be asked to be large, and of cosines below 0 or of length 0 nothing is asked.
    protected override float Weight => _top.Threshold > 0 ? -_top.Threshold * (1 - CosineRounding) * _norm : 0;

    protected override float Least => _top.Threshold > 0 ? 0 : float.NegativeInfinity;

    protected override float* Numbers(ItemChunk chunk) => chunk.Norms;

    protected override void Consider(ItemChunk chunk, int at, int item, float product)
    {
        if (item != _self)
        {
            var norms = _norm * chunk.Norms[at];
            var cosine = norms > 0 ? Math.Clamp(product / norms, -1, 1) : 0;
            _top.Add(item, cosine, cosine);
        }
    }
}
