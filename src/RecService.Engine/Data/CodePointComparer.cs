namespace RecService.Engine.Data;

/// <summary>
/// Orders texts by their Unicode code points, as PostgreSQL's collation "C" does in UTF-8. Ordinal comparison differs from it beyond U+FFFF.
/// </summary>
public sealed class CodePointComparer : IComparer<string>
{
    private CodePointComparer() { }

    /// <summary>The comparer.</summary>
    public static CodePointComparer Instance { get; } = new();

    /// <inheritdoc />
    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return (x is null ? 0 : 1) - (y is null ? 0 : 1);
        }

        var common = x.AsSpan().CommonPrefixLength(y);
        if (common == x.Length || common == y.Length)
        {
            return x.Length - y.Length;
        }
        // Surrogates stand for code points above all others, but their code units lie below U+E000.
        return Rank(x[common]) - Rank(y[common]);
    }

    private static int Rank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
}
