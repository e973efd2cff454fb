using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RecService.Engine.Files;

/// <summary>Arrays of numbers as little-endian bytes, written and read in parts: a span of bytes cannot be as long as one of numbers can.</summary>
internal static class NumberStream
{
    private const int PartLength = 1 << 20;

    public static void Write(Stream stream, ReadOnlySpan<float> numbers) => Write(stream, MemoryMarshal.Cast<float, int>(numbers));

    public static void Write(Stream stream, ReadOnlySpan<int> numbers)
    {
        var swapped = BitConverter.IsLittleEndian ? [] : new int[Math.Min(numbers.Length, PartLength)];
        for (; !numbers.IsEmpty; numbers = numbers[Math.Min(numbers.Length, PartLength)..])
        {
            var part = numbers[..Math.Min(numbers.Length, PartLength)];
            if (!BitConverter.IsLittleEndian)
            {
                BinaryPrimitives.ReverseEndianness(part, swapped);
                part = swapped.AsSpan(0, part.Length);
            }

            stream.Write(MemoryMarshal.AsBytes(part));
        }
    }

    public static T[] Read<T>(Stream stream, int count)
        where T : unmanaged => Read<T>(stream, rows: count, width: 1, stride: 1);

    /// <summary>
    /// Reads rows of <paramref name="width"/> numbers into rows of <paramref name="stride"/>, the rest of which stays 0. Where the stream does not
    /// tell that so
    /// many are there, the array grows as they come, so that a wrong count in a header takes no more memory than the file is long.
    /// </summary>
    /// <exception cref="InvalidDataException">The numbers are more than an array can hold.</exception>
    /// <exception cref="EndOfStreamException">The stream ends before.</exception>
    public static T[] Read<T>(Stream stream, int rows, int width, int stride)
        where T : unmanaged
    {
        var length = (long)rows * stride;
        if (rows < 0 || length > Array.MaxLength)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{rows} rows of {stride} numbers are more than an array can hold."));
        }

        var known = (long)rows * width * Unsafe.SizeOf<T>() <= Remaining(stream);
        var numbers = new T[known ? length : Math.Min(length, PartLength)];
        if (length == 0)
        {
            return numbers;
        }
        // Rows without padding between them are one.
        if (width == stride)
        {
            (rows, width, stride) = (1, (int)length, (int)length);
        }

        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < width;)
            {
                var next = (row * stride) + column;
                if (next >= numbers.Length)
                {
                    Array.Resize(ref numbers, (int)Math.Min(Math.Max(2L * numbers.Length, next + 1L), length));
                }

                var part = Math.Min(Math.Min(width - column, numbers.Length - next), PartLength);
                stream.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan(next, part)));
                column += part;
            }
        }

        Array.Resize(ref numbers, (int)length);
        if (!BitConverter.IsLittleEndian && typeof(T) != typeof(byte))
        {
            var words = MemoryMarshal.Cast<T, int>(numbers.AsSpan());
            BinaryPrimitives.ReverseEndianness(words, words);
        }

        return numbers;
    }

    /// <summary>Bytes that are left to read at most; 0 when the stream does not say.</summary>
    private static long Remaining(Stream stream) =>
        stream is ChecksumReadStream content ? content.Remaining
        : stream.CanSeek ? stream.Length - stream.Position
        : 0;
}
