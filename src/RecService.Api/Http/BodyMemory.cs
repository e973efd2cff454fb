namespace RecService.Api.Http;

/// <summary>The memory that the larger bodies of all requests may take together, as long as they are worked on.</summary>
internal sealed class BodyMemory(long bytes)
{
    private long _free = bytes;

    /// <summary>What there is for all bodies.</summary>
    public long Total { get; } = bytes;

    /// <summary>About what a part of a body of JSON takes when it is parsed: a value takes some 40 bytes even where it is written with two, as in <c>[0,0,0]</c>.</summary>
    public static long CostOf(ReadOnlySpan<byte> part) => (3L * part.Length) + (40L * part.Count((byte)','));

    public bool TryTake(long cost)
    {
        if (Interlocked.Add(ref _free, -cost) >= 0)
        {
            return true;
        }

        Release(cost);
        return false;
    }

    public void Release(long cost) => Interlocked.Add(ref _free, cost);
}
