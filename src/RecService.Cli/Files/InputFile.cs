using System.IO.Compression;

namespace RecService.Cli.Files;

/// <summary>A file opened for reading, decompressed where it is of gzip.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>The name that stands for standard input.</summary>
    public const string StandardInput = "-";

    private const int StartLength = 16;

    private InputFile(string name, Stream content, byte[] start)
    {
        Name = name;
        Content = content;
        Start = start;
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>The content from its beginning.</summary>
    public Stream Content { get; }

    /// <summary>The first bytes, which tell what it is; empty where reading them would use them up, as from a pipe.</summary>
    public byte[] Start { get; }

    public static InputFile Open(string path, Stream standardInput)
    {
        if (path == StandardInput)
            return new("standard input", standardInput, []);
        var file = File.OpenRead(path);
        if (!file.CanSeek)
            return new(path, file, []);
        var start = ReadStart(file);
        if (start is not [0x1F, 0x8B, ..])
            return new(path, file, start);
        using (var beginning = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true))
            start = ReadStart(beginning);
        file.Position = 0;
        return new(path, new GZipStream(file, CompressionMode.Decompress), start);
    }

    public void Dispose() => Content.Dispose();

    private static byte[] ReadStart(Stream stream)
    {
        var start = new byte[StartLength];
        var length = stream.ReadAtLeast(start, StartLength, throwOnEndOfStream: false);
        if (stream.CanSeek)
            stream.Position = 0;
        return start[..length];
    }
}
