using System.Collections;
using System.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>A set of items of a catalogue, a bit for each. Not thread-safe while it changes.</summary>
public sealed class ItemSet : IEnumerable<int>
{
    private const int BitsPerWord = 64;

    private ulong[] _words;

    /// <param name="length">Number of items of the catalogue.</param>
    /// <param name="all">Whether all of them are in the set; else none.</param>
    public ItemSet(int length, bool all = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _words = new ulong[WordsOf(length)];
        Reset(length, all);
    }

    /// <summary>Number of items of the catalogue.</summary>
    public int Length { get; private set; }

    /// <summary>Number of items in the set.</summary>
    public int Count
    {
        get
        {
            var count = 0;
            foreach (var word in Words)
            {
                count += BitOperations.PopCount(word);
            }

            return count;
        }
    }

    /// <summary>A bit for each item, the first one the lowest; those behind the last item are 0.</summary>
    internal ReadOnlySpan<ulong> Words => Bits;

    private Span<ulong> Bits => _words.AsSpan(0, WordsOf(Length));

    /// <summary>Whether an item is in the set.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The catalogue has no such item.</exception>
    public bool this[int item]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)item, (uint)Length, nameof(item));
            return (_words[item / BitsPerWord] >> item & 1) != 0;
        }
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)item, (uint)Length, nameof(item));
            var bit = 1ul << item;
            ref var word = ref _words[item / BitsPerWord];
            word = value ? word | bit : word & ~bit;
        }
    }

    /// <summary>Makes it a set of another catalogue, in the memory that it has if that suffices.</summary>
    public void Reset(int length, bool all = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (_words.Length < WordsOf(length))
        {
            _words = new ulong[WordsOf(length)];
        }

        Length = length;
        Bits.Fill(all ? ulong.MaxValue : 0);
        if (all && length % BitsPerWord > 0)
        {
            Bits[^1] = (1ul << length) - 1;
        }
    }

    /// <summary>Makes it a set of other items, in the memory that it has if that suffices.</summary>
    /// <param name="words">A bit for each item: bit i % 64 of word i / 64.</param>
    /// <param name="length">Number of items of the catalogue.</param>
    /// <exception cref="ArgumentException">There are not as many words as the items need.</exception>
    public void CopyFrom(ReadOnlySpan<ulong> words, int length)
    {
        if (words.Length != WordsOf(length))
        {
            throw new ArgumentException($"{length} items have {WordsOf(length)} words, not {words.Length}.", nameof(words));
        }

        Reset(length);
        words.CopyTo(Bits);
        if (length % BitsPerWord > 0)
        {
            Bits[^1] &= (1ul << length) - 1;
        }
    }

    /// <summary>Adds items.</summary>
    public void Add(IReadOnlyList<int> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        for (var i = 0; i < items.Count; i++)
        {
            this[items[i]] = true;
        }
    }

    /// <summary>Removes items.</summary>
    public void Remove(IReadOnlyList<int> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        for (var i = 0; i < items.Count; i++)
        {
            this[items[i]] = false;
        }
    }

    /// <summary>Keeps the items that another set of the same catalogue has, too.</summary>
    public void And(ItemSet other)
    {
        var words = WordsOf(other);
        for (var w = 0; w < words.Length; w++)
        {
            _words[w] &= words[w];
        }
    }

    /// <summary>Removes the items of another set of the same catalogue.</summary>
    public void AndNot(ItemSet other)
    {
        var words = WordsOf(other);
        for (var w = 0; w < words.Length; w++)
        {
            _words[w] &= ~words[w];
        }
    }

    /// <summary>Adds the items of another set of the same catalogue.</summary>
    public void Or(ItemSet other)
    {
        var words = WordsOf(other);
        for (var w = 0; w < words.Length; w++)
        {
            _words[w] |= words[w];
        }
    }

    /// <summary>The items, ascending.</summary>
    public IEnumerator<int> GetEnumerator()
    {
        for (var w = 0; w < WordsOf(Length); w++)
        {
            for (var word = _words[w]; word != 0; word &= word - 1)
            {
                yield return (w * BitsPerWord) + BitOperations.TrailingZeroCount(word);
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static int WordsOf(int length) => (int)(((uint)length + BitsPerWord - 1) / BitsPerWord);

    private ReadOnlySpan<ulong> WordsOf(ItemSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Length == Length
            ? other.Words
            : throw new ArgumentException($"A set of {Length} items cannot be joined with one of {other.Length}.", nameof(other));
    }
}
