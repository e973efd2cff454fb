using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RecService.Engine.Files;

/// <summary>
/// The framing of binary files: a prefix, then chunks of a 32-bit length, that many bytes, and the SHA-256 of the whole file up to here. A chunk of
/// length 0
/// ends the file. Since each hash covers all that came before, a reader hands out no byte that it has not verified, and needs no more memory than a
/// chunk.
/// </summary>
internal static class ChecksumFraming
{
    public const int ChunkSize = 64 * 1024;

    public const int LengthSize = sizeof(int);
}

/// <summary>Writes the chunks. Closing it does not close the stream below; without <see cref="Complete"/> the file is a truncated one.</summary>
internal sealed class ChecksumWriteStream : Stream
{
    private readonly Stream _stream;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _frame = new byte[ChecksumFraming.LengthSize + ChecksumFraming.ChunkSize + SHA256.HashSizeInBytes];
    private int _length;

    public ChecksumWriteStream(Stream stream, ReadOnlySpan<byte> prefix)
    {
        _stream = stream;
        _hash.AppendData(prefix);
        stream.Write(prefix);
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var part = buffer[..Math.Min(buffer.Length, ChecksumFraming.ChunkSize - _length)];
            part.CopyTo(_frame.AsSpan(ChecksumFraming.LengthSize + _length));
            _length += part.Length;
            buffer = buffer[part.Length..];
            if (_length == ChecksumFraming.ChunkSize)
            {
                WriteChunk();
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Ends the file.</summary>
    public void Complete()
    {
        if (_length > 0)
        {
            WriteChunk();
        }

        WriteChunk();
        _stream.Flush();
    }

    public override void Flush()
    {
        // Chunks are written when they are full.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
        }

        base.Dispose(disposing);
    }

    private void WriteChunk()
    {
        var content = _frame.AsSpan(0, ChecksumFraming.LengthSize + _length);
        BinaryPrimitives.WriteInt32LittleEndian(content, _length);
        _hash.AppendData(content);
        _hash.GetCurrentHash(_frame.AsSpan(content.Length));
        _stream.Write(_frame.AsSpan(0, content.Length + SHA256.HashSizeInBytes));
        _length = 0;
    }
}

/// <summary>Reads what <see cref="ChecksumWriteStream"/> wrote. Closing it does not close the stream below.</summary>
internal sealed class ChecksumReadStream : Stream
{
    private readonly Stream _stream;
    private readonly Func<string, Exception> _refusal;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _frame = new byte[ChecksumFraming.LengthSize + ChecksumFraming.ChunkSize + SHA256.HashSizeInBytes];
    private int _next;
    private int _end;
    private long _offset;
    private bool _ended;

    /// <param name="stream">The stream, behind the prefix.</param>
    /// <param name="prefix">The prefix that was read from it.</param>
    /// <param name="refusal">The exception for a file of which the text given is true.</param>
    public ChecksumReadStream(Stream stream, ReadOnlySpan<byte> prefix, Func<string, Exception> refusal)
    {
        _stream = stream;
        _refusal = refusal;
        _offset = prefix.Length;
        _hash.AppendData(prefix);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Upper bound of the bytes that are left to read; 0 when the stream below does not say.</summary>
    public long Remaining => _stream.CanSeek ? _end - _next + _stream.Length - _stream.Position : 0;

    /// <summary>Reads content; the refusal is thrown when the stream ends before the file does, or a chunk is damaged.</summary>
    public override int Read(Span<byte> buffer)
    {
        if (_next == _end && !_ended)
        {
            ReadChunk();
        }

        var part = _frame.AsSpan(_next, Math.Min(buffer.Length, _end - _next));
        part.CopyTo(buffer);
        _next += part.Length;
        return part.Length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <summary>Checks that all content was read and that nothing follows; the refusal is thrown when there is more, or the end is missing.</summary>
    public void Complete()
    {
        Span<byte> more = stackalloc byte[1];
        if (Read(more) > 0)
        {
            throw _refusal("holds more than its header announces");
        }

        if (_stream.Read(more) > 0)
        {
            throw _refusal("is not all: other data follows its end");
        }
    }

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
        }

        base.Dispose(disposing);
    }

    private void ReadChunk()
    {
        Fill(_frame.AsSpan(0, ChecksumFraming.LengthSize));
        var length = BinaryPrimitives.ReadInt32LittleEndian(_frame);
        if (length is < 0 or > ChecksumFraming.ChunkSize)
        {
            throw Damaged();
        }

        var content = _frame.AsSpan(0, ChecksumFraming.LengthSize + length);
        var expected = _frame.AsSpan(content.Length, SHA256.HashSizeInBytes);
        Fill(_frame.AsSpan(ChecksumFraming.LengthSize, length + SHA256.HashSizeInBytes));
        _hash.AppendData(content);
        Span<byte> actual = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetCurrentHash(actual);
        if (!actual.SequenceEqual(expected))
        {
            throw Damaged();
        }

        _offset += content.Length + SHA256.HashSizeInBytes;
        _next = ChecksumFraming.LengthSize;
        _end = content.Length;
        _ended = length == 0;
    }

    private Exception Damaged() => _refusal(FormattableString.Invariant($"is damaged: the checksum of the chunk at byte {_offset} does not fit"));

    private void Fill(Span<byte> buffer)
    {
        if (_stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length)
        {
            throw _refusal(FormattableString.Invariant($"is truncated: it ends within the chunk at byte {_offset}"));
        }
    }
}
