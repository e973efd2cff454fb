namespace RecService.Api.Storage;

/// <summary>
/// The order of PostgreSQL's collation C in UTF-8: by code point. Whoever locks rows in the order of their ids has to take the database's order.
/// </summary>
internal sealed class CollationC : IComparer<string>
{
    private CollationC() { }

    public static CollationC Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var same = x.AsSpan().CommonPrefixLength(y);
        return same < x.Length && same < y.Length ? Place(x[same]).CompareTo(Place(y[same])) : x.Length.CompareTo(y.Length);
    }

    // The halves of what lies beyond U+FFFF are in the midst of UTF-16.
    private static int Place(char half) => char.IsSurrogate(half) ? char.MaxValue + half : half;
}
