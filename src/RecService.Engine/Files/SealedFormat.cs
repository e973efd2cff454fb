using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace RecService.Engine.Files;

/// <summary>
/// A kind of binary file: 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>.
/// </summary>
internal sealed class SealedFormat
{
    /// <summary>UTF-8 that refuses what is none.</summary>
    public static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _noun;
    private readonly int _oldest;
    private readonly int _version;
    private readonly Func<string, Exception?, Exception> _refusal;
    private readonly byte[] _prefix;

    /// <param name="noun">What such a file is called in messages.</param>
    /// <param name="signature">The readable part of the magic number, four bytes.</param>
    /// <param name="oldest">The oldest format version that is read.</param>
    /// <param name="version">The format version that is written, and the newest that is read.</param>
    /// <param name="refusal">The exception with a message and an inner exception, for files that cannot be read.</param>
    public SealedFormat(string noun, ReadOnlySpan<byte> signature, int oldest, int version, Func<string, Exception?, Exception> refusal)
    {
        _noun = noun;
        _oldest = oldest;
        _version = version;
        _refusal = refusal;
        // As in PNG: a byte that is no text, and line ends that a transfer as text would change.
        _prefix = [0x89, .. signature, (byte)'\r', (byte)'\n', 0x1A, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32LittleEndian(_prefix.AsSpan(_prefix.Length - sizeof(int)), version);
    }

    /// <summary>Whether a file that starts with these bytes is of this kind, whatever its version.</summary>
    public bool IsStartOf(ReadOnlySpan<byte> bytes) => bytes.StartsWith(_prefix.AsSpan(0, _prefix.Length - sizeof(int)));

    /// <summary>Writes a file with the content that <paramref name="write"/> writes; the stream need not be seekable and stays open.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="version">The version whose content it is, where it is not that of the newest.</param>
    public void Save(Stream stream, Action<BinaryWriter> write, int? version = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        byte[] prefix = [.. _prefix];
        BinaryPrimitives.WriteInt32LittleEndian(prefix.AsSpan(prefix.Length - sizeof(int)), version ?? _version);
        using var content = new ChecksumWriteStream(stream, prefix);
        using var writer = new BinaryWriter(content, StrictUtf8, leaveOpen: true);
        write(writer);
        writer.Flush();
        content.Complete();
    }

    /// <summary>
    /// Reads a file with the content that <paramref name="read"/> reads, to the end of the stream, which need not be seekable and stays open. The
    /// refusal is
    /// thrown for a stream without such a file, or with a damaged one, or one of another version; and for what <paramref name="read"/> finds wrong.
    /// </summary>
    public T Load<T>(Stream stream, Func<BinaryReader, T> read)
    {
        ArgumentNullException.ThrowIfNull(stream);
        // The checksums cover the version that the file has.
        var prefix = ReadPrefix(stream);
        using var content = new ChecksumReadStream(stream, prefix, what => _refusal($"The {_noun} {what}.", null));
        using var reader = new BinaryReader(content, StrictUtf8, leaveOpen: true);
        try
        {
            var result = read(reader);
            content.Complete();
            return result;
        }
        catch (Exception e)
            when (e is EndOfStreamException or InvalidDataException or JsonException or FormatException or ArgumentException or OverflowException)
        {
            // The checksums fit, so what is wrong was written so.
            throw _refusal($"The content of the {_noun} does not fit together: {e.Message}", e);
        }
    }

    private byte[] ReadPrefix(Stream stream)
    {
        var prefix = new byte[_prefix.Length];
        var read = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        var magic = Math.Min(read, prefix.Length - sizeof(int));
        if (read == 0)
        {
            throw _refusal($"There is no {_noun}: the stream is empty.", null);
        }

        if (!prefix.AsSpan(0, magic).SequenceEqual(_prefix.AsSpan(0, magic)))
        {
            throw _refusal($"This is no {_noun}: it begins differently.", null);
        }

        if (read < prefix.Length)
        {
            throw _refusal($"The {_noun} is truncated: it ends within its first bytes.", null);
        }

        var version = BinaryPrimitives.ReadInt32LittleEndian(prefix.AsSpan(magic));
        if (version < _oldest || version > _version)
        {
            var versions =
                _oldest == _version
                    ? FormattableString.Invariant($"version {_version}")
                    : FormattableString.Invariant($"versions {_oldest} to {_version}");
            throw _refusal(FormattableString.Invariant($"The {_noun} has format version {version}; this program reads {versions}."), null);
        }

        return prefix;
    }
}
