namespace RecService.Api.Http.Limits;

/// <summary>
/// The memory that the bodies of all requests may take together, as long as they are worked on, those of one API key half of it at most.
/// </summary>
internal sealed class BodyMemory(long bytes)
{
    private const int SmallBytes = 64 * 1024;

    private readonly Dictionary<string, long> _ofKey = new(StringComparer.Ordinal);
    private long _taken;

    /// <summary>
    /// About what a part of a body of JSON takes when it is parsed: a value takes some 40 bytes even where it is written with two, as in
    /// <c>[0,0,0]</c>.
    /// </summary>
    public static long CostOf(ReadOnlySpan<byte> part) => (3L * part.Length) + (40L * part.Count((byte)','));

    /// <summary>What the bodies of one key may take together if one of them has this length, in bytes, or has come so far.</summary>
    public long MostOfKey(long length) => MostOfAll(length) / 2;

    /// <summary>Takes the cost of a body's next part; the length is what the body has with it.</summary>
    public bool TryTake(string key, long cost, long length)
    {
        lock (_ofKey)
        {
            var ofKey = _ofKey.GetValueOrDefault(key) + cost;
            if (ofKey > MostOfKey(length) || _taken + cost > MostOfAll(length))
            {
                return false;
            }

            _ofKey[key] = ofKey;
            _taken += cost;
            return true;
        }
    }

    /// <summary>Gives back what a body of the key has taken in all.</summary>
    public void Release(string key, long cost)
    {
        lock (_ofKey)
        {
            _taken -= cost;
            var ofKey = _ofKey.GetValueOrDefault(key) - cost;
            if (ofKey > 0)
            {
                _ofKey[key] = ofKey;
            }
            else
            {
                _ofKey.Remove(key);
            }
        }
    }

    // Large bodies leave an eighth, so that they are no concern of the many small ones.
    private long MostOfAll(long length) => length <= SmallBytes ? bytes : bytes - (bytes / 8);
}
