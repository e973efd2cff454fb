using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace RecService.Cli.Import;

/// <summary>Some lines of a file that are sent together.</summary>
/// <param name="Body">What is sent: the lines, below the header where the format has one.</param>
/// <param name="Position">How many rows of the file came before.</param>
/// <param name="Lines">For each row the number of its line in the file, and in what is sent; empty where the file is sent as a whole.</param>
internal sealed record ImportPart(ArraySegment<byte> Body, long Position, IReadOnlyList<(long InFile, long InPart)> Lines)
{
    /// <summary>The line of the file that a line of what was sent is.</summary>
    public long LineInFile(long lineInPart) =>
        Lines.Count == 0 ? lineInPart : Lines.Last(line => line.InPart <= Math.Max(lineInPart, Lines[0].InPart)).InFile;

    /// <summary>
    /// What names the part, however often and by whomever it is sent: it follows from what it has in it, where that stands in the file, and how it is to be read.
    /// </summary>
    public string Key(string form)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{form}\n{Position}\n")));
        hash.AppendData(Body);
        return $"import-{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}
