using System.Collections;
using System.Text;
using RecService.Engine.Data;

namespace RecService.Api.Training;

/// <summary>Users or items with what is known of them: of most it is the id alone, and ids that are packed take a quarter of the memory of objects.</summary>
internal sealed class EntityList : IReadOnlyList<EntityFeatures>
{
    private const int BlockLength = 4096;

    private readonly List<byte[]> _blocks = [];
    private readonly Collected<int> _ends = new();
    private readonly Dictionary<int, EntityFeatures> _known = [];
    private byte[] _open = new byte[16 * BlockLength];

    public int Count => _ends.Count;

    public EntityFeatures this[int entity] => _known.TryGetValue(entity, out var known) ? known : EntityFeatures.Named(IdOf(entity));

    /// <param name="id">The id in UTF-8.</param>
    /// <param name="tags">The tags.</param>
    /// <param name="attributes">The attributes as a JSON object in UTF-8.</param>
    public void Add(ReadOnlySpan<byte> id, string[] tags, ReadOnlySpan<byte> attributes)
    {
        if (tags.Length > 0 || !attributes.SequenceEqual("{}"u8))
        {
            _known.Add(Count, EntityFeatures.FromJson(Encoding.UTF8.GetString(id), tags, Encoding.UTF8.GetString(attributes)));
        }

        var start = StartOf(Count);
        while (start + id.Length > _open.Length)
        {
            Array.Resize(ref _open, 2 * _open.Length);
        }

        id.CopyTo(_open.AsSpan(start));
        _ends.Add(start + id.Length);
        if (Count % BlockLength == 0)
        {
            _blocks.Add(_open[..(start + id.Length)]);
        }
    }

    public IEnumerator<EntityFeatures> GetEnumerator()
    {
        for (var entity = 0; entity < Count; entity++)
        {
            yield return this[entity];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private string IdOf(int entity)
    {
        var (block, start) = (entity / BlockLength, StartOf(entity));
        return Encoding.UTF8.GetString(block < _blocks.Count ? _blocks[block] : _open, start, _ends[entity] - start);
    }

    private int StartOf(int entity) => entity % BlockLength == 0 ? 0 : _ends[entity - 1];
}
