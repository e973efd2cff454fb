using System.IO.Compression;

namespace RecService.Cli.Files;

/// <summary>Files to write, compressed where their name ends with <c>.gz</c>.</summary>
internal static class OutputFile
{
    private const string Compressed = ".gz";

    public static Stream Create(string path)
    {
        var file = File.Create(path);
        return path.EndsWith(Compressed, StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionLevel.Fastest) : file;
    }

    /// <summary>The extension in lower case, that of what is compressed included.</summary>
    public static string ExtensionOf(string path)
    {
        var name = path.ToLowerInvariant();
        return Path.GetExtension(name.EndsWith(Compressed, StringComparison.Ordinal) ? name[..^Compressed.Length] : name);
    }
}
