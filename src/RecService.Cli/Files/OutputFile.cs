using System.IO.Compression;
using RecService.Cli.Commands;

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

    /// <summary>Fails where a file could not be written, which had better be known before the work that makes it.</summary>
    /// <param name="path">The file, if there is to be one.</param>
    /// <param name="what">What it holds.</param>
    public static void CheckFolder(string? path, string what)
    {
        if (path is not null && Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
            throw new CommandFailedException($"there is no folder {folder} for the {what}");
    }

    /// <summary>The extension in lower case, that of what is compressed included.</summary>
    public static string ExtensionOf(string path)
    {
        var name = path.ToLowerInvariant();
        return Path.GetExtension(name.EndsWith(Compressed, StringComparison.Ordinal) ? name[..^Compressed.Length] : name);
    }
}
