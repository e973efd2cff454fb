using System.IO.Compression;
using RecService.Cli.Commands;

namespace RecService.Cli.Files;

/// <summary>A file opened for reading, decompressed where it is of gzip.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>The name that stands for standard input.</summary>
    public const string StandardInput = "-";

    private const int StartLength = 16;

    // Else the end of a file that was cut short would pass for the end of the data.
    static InputFile() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", isEnabled: true);

    private readonly FileStream? _file;

    private InputFile(string name, FileStream? file, Stream content, byte[] start)
    {
        _file = file;
        Name = name;
        Content = content;
        Start = start;
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>The content from its beginning.</summary>
    public Stream Content { get; }

    /// <summary>The first bytes, which tell what it is.</summary>
    public byte[] Start { get; }

    /// <summary>How much of it was read, as it lies on the disk; null for what comes through a pipe.</summary>
    public double? ShareRead => _file is { CanSeek: true, Length: > 0 } ? (double)_file.Position / _file.Length : null;

    public static InputFile Open(string path, Stream standardInput)
    {
        var (name, file) = path == StandardInput ? ("standard input", standardInput) : (path, File.OpenRead(path));
        var onDisk = file as FileStream;
        try
        {
            var start = Peek(ref file);
            if (start is [0x1F, 0x8B, ..])
            {
                file = new GzipInput(name, file);
                start = Peek(ref file);
            }

            return new(name, onDisk, file, start);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => Content.Dispose();

    /// <summary>Reads the first bytes of a stream, and makes it one that has them still.</summary>
    private static byte[] Peek(ref Stream stream)
    {
        var start = new byte[StartLength];
        start = start[..stream.ReadAtLeast(start, StartLength, throwOnEndOfStream: false)];
        if (stream.CanSeek)
        {
            stream.Position -= start.Length;
        }
        else
        {
            stream = new PrefixedInput(start, stream);
        }

        return start;
    }

    /// <summary>Bytes that were read from a stream, and what follows them in it.</summary>
    private sealed class PrefixedInput(byte[] prefix, Stream rest) : InputStream(rest)
    {
        private int _given;

        public override int Read(Span<byte> buffer)
        {
            if (_given == prefix.Length)
            {
                return Source.Read(buffer);
            }

            var length = Math.Min(buffer.Length, prefix.Length - _given);
            prefix.AsSpan(_given, length).CopyTo(buffer);
            _given += length;
            return length;
        }
    }

    /// <summary>What a gzip file has in it; says what is wrong in words of its own, as those of the library are about archives.</summary>
    private sealed class GzipInput(string name, Stream file) : InputStream(new GZipStream(file, CompressionMode.Decompress))
    {
        public override int Read(Span<byte> buffer)
        {
            try
            {
                return Source.Read(buffer);
            }
            catch (InvalidDataException refusal)
            {
                // Nothing but its words tells a stream that is cut short from one that is damaged.
                var reason = refusal.Message.Contains("truncated", StringComparison.OrdinalIgnoreCase)
                    ? "the file ends before its gzip stream does"
                    : "its gzip stream is damaged";
                throw new CommandFailedException($"{name}: {reason}", refusal);
            }
        }
    }

    /// <summary>A stream that is read from its beginning to its end.</summary>
    private abstract class InputStream(Stream source) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        protected Stream Source => source;

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public abstract override int Read(Span<byte> buffer);

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                source.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
