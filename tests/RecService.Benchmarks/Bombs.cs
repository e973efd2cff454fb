using System.IO.Compression;
using System.Text;

namespace RecService.Benchmarks;

/// <summary>Small bodies that expand to huge ones.</summary>
internal static class Bombs
{
    private const int Mebibyte = 1024 * 1024;
    private const int BrotliQuality = 5;
    private const int BrotliWindow = 22;

    /// <summary>Lines <c>{}</c>, all of which are invalid: half a megabyte for 512 MiB.</summary>
    public static byte[] Gzip(int mebibytes)
    {
        var lines = Lines("{}\n");
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.SmallestSize))
        {
            for (var i = 0; i < mebibytes; i++)
            {
                gzip.Write(lines);
            }
        }

        return buffer.ToArray();
    }

    /// <summary>Blank lines, which are neither valid nor invalid: some ten bytes for each MiB.</summary>
    public static byte[] Brotli(int mebibytes)
    {
        var lines = Lines(new string(' ', 1023) + "\n");
        using var encoder = new BrotliEncoder(BrotliQuality, BrotliWindow);
        using var body = new MemoryStream();
        byte[] former,
            part = [];
        var parts = 0;
        // Once the encoder has nothing new to tell, each MiB gives the same bytes, and they may be repeated as often as one likes.
        do
        {
            former = part;
            part = Part(encoder, lines);
            body.Write(part);
            parts++;
        } while (!part.AsSpan().SequenceEqual(former));

        for (; parts < mebibytes; parts++)
        {
            body.Write(part);
        }

        var end = new byte[16];
        encoder.Compress([], end, out _, out var length, isFinalBlock: true);
        body.Write(end.AsSpan(0, length));
        return body.ToArray();
    }

    private static byte[] Part(BrotliEncoder encoder, byte[] lines)
    {
        using var part = new MemoryStream();
        var output = new byte[64 * 1024];
        ReadOnlySpan<byte> rest = lines;
        while (rest.Length > 0)
        {
            encoder.Compress(rest, output, out var consumed, out var written, isFinalBlock: false);
            rest = rest[consumed..];
            part.Write(output.AsSpan(0, written));
        }

        while (encoder.Flush(output, out var flushed) is var status && flushed > 0)
        {
            part.Write(output.AsSpan(0, flushed));
            if (status == System.Buffers.OperationStatus.Done)
            {
                break;
            }
        }

        return part.ToArray();
    }

    private static byte[] Lines(string line)
    {
        var bytes = Encoding.ASCII.GetBytes(line);
        var lines = new byte[Mebibyte];
        for (var i = 0; i < lines.Length; i++)
        {
            lines[i] = bytes[i % bytes.Length];
        }

        return lines;
    }
}
