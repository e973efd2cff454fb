namespace RecService.Api.Publishing;

/// <summary>
/// An array in chunks. What is derived from it shares the chunks that are alike, so that a change costs the chunks that it touches, and a pointer for each of
/// the others. Immutable.
/// </summary>
internal sealed class ChunkedArray<T>
{
    /// <summary>Elements of a chunk.</summary>
    public const int ChunkSize = 1 << Bits;

    private const int Bits = 10;

    private readonly T[][] _chunks;

    private ChunkedArray(T[][] chunks, int count)
    {
        _chunks = chunks;
        Count = count;
    }

    public static ChunkedArray<T> Empty { get; } = new([], 0);

    public int Count { get; }

    public ref readonly T this[int index] => ref _chunks[index >> Bits][index & (ChunkSize - 1)];

    public static ChunkedArray<T> Of(IReadOnlyList<T> elements)
    {
        var editor = Empty.Edit();
        for (var i = 0; i < elements.Count; i++)
        {
            editor.Add(elements[i]);
        }

        return editor.Build();
    }

    /// <summary>The chunk of an element, to be read only.</summary>
    public T[] ChunkOf(int index) => _chunks[index >> Bits];

    public Editor Edit() => new(this);

    /// <summary>Makes an array out of another.</summary>
    internal sealed class Editor(ChunkedArray<T> former)
    {
        private readonly List<T[]> _chunks = [.. former._chunks];
        private readonly HashSet<int> _own = [];

        public int Count { get; private set; } = former.Count;

        public T this[int index]
        {
            get => _chunks[index >> Bits][index & (ChunkSize - 1)];
            set => Own(index >> Bits)[index & (ChunkSize - 1)] = value;
        }

        public void Add(T element)
        {
            if (Count >> Bits == _chunks.Count)
            {
                _own.Add(_chunks.Count);
                _chunks.Add(new T[ChunkSize]);
            }

            this[Count++] = element;
        }

        /// <summary>The array; the editor must not be used after it.</summary>
        public ChunkedArray<T> Build() => new([.. _chunks], Count);

        private T[] Own(int chunk)
        {
            if (_own.Add(chunk))
            {
                _chunks[chunk] = [.. _chunks[chunk]];
            }

            return _chunks[chunk];
        }
    }
}
