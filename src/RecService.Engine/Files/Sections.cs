using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace RecService.Engine.Files;

/// <summary>What the content of a binary file consists of: a header in JSON behind its 32-bit length, and arrays of 32-bit numbers. All is little-endian.</summary>
internal static class Sections
{
    private const int MaximumHeaderLength = 64 * 1024 * 1024;

    private const int PartLength = 1 << 20;

    public static void WriteHeader<T>(this BinaryWriter writer, T header, JsonTypeInfo<T> type)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(header, type);
        writer.Write(json.Length);
        writer.Write(json);
    }

    /// <exception cref="InvalidDataException">There is no header.</exception>
    public static T ReadHeader<T>(this BinaryReader reader, JsonTypeInfo<T> type)
        where T : class
    {
        var length = reader.ReadInt32();
        if (length is <= 0 or > MaximumHeaderLength)
            throw new InvalidDataException(FormattableString.Invariant($"a header of {length} bytes."));
        return JsonSerializer.Deserialize(reader.ReadNumbers<byte>(length), type) ?? throw new InvalidDataException("the header is null.");
    }

    public static void WriteNumbers(this BinaryWriter writer, ReadOnlySpan<float> numbers) => writer.WriteNumbers(MemoryMarshal.Cast<float, int>(numbers));

    public static void WriteNumbers(this BinaryWriter writer, ReadOnlySpan<int> numbers)
    {
        // In parts, because a span of bytes cannot be as long as one of numbers can.
        var swapped = BitConverter.IsLittleEndian ? [] : new int[Math.Min(numbers.Length, PartLength)];
        for (; !numbers.IsEmpty; numbers = numbers[Math.Min(numbers.Length, PartLength)..])
        {
            var part = numbers[..Math.Min(numbers.Length, PartLength)];
            if (!BitConverter.IsLittleEndian)
            {
                BinaryPrimitives.ReverseEndianness(part, swapped);
                part = swapped.AsSpan(0, part.Length);
            }

            writer.Write(MemoryMarshal.AsBytes(part));
        }
    }

    /// <inheritdoc cref="ReadNumbers{T}(BinaryReader, int, int, int)"/>
    public static T[] ReadNumbers<T>(this BinaryReader reader, int count)
        where T : unmanaged => reader.ReadNumbers<T>(count, 1, 1);

    /// <summary>
    /// Reads rows of <paramref name="width"/> numbers into rows of <paramref name="stride"/>, the rest of which stays 0. Where the stream does not tell that so
    /// many are there, the array grows as they come, so that a wrong count in a header takes no more memory than the file is long.
    /// </summary>
    /// <exception cref="InvalidDataException">An array cannot hold so many.</exception>
    /// <exception cref="EndOfStreamException">There are fewer.</exception>
    public static T[] ReadNumbers<T>(this BinaryReader reader, int rows, int width, int stride)
        where T : unmanaged
    {
        if (rows < 0 || (long)rows * stride > Array.MaxLength)
            throw new InvalidDataException(FormattableString.Invariant($"{rows} rows of {stride} numbers cannot be in an array."));
        if (stride == 0)
            return [];
        var known = ((ChecksumReadStream)reader.BaseStream).Remaining is var bytes and < long.MaxValue && (long)rows * width * Unsafe.SizeOf<T>() <= bytes;
        var part = Math.Max(1, PartLength / stride);
        var numbers = new T[(known ? rows : Math.Min(rows, part)) * stride];
        for (var row = 0; row < rows;)
        {
            if (row * stride == numbers.Length)
                Array.Resize(ref numbers, (int)Math.Min(2L * numbers.Length, (long)rows * stride));
            // Rows without padding between them are one read.
            var together = width == stride ? Math.Min((numbers.Length / stride) - row, part) : 1;
            reader.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan(row * stride, together * width)));
            row += together;
        }

        if (!BitConverter.IsLittleEndian && typeof(T) != typeof(byte))
        {
            var words = MemoryMarshal.Cast<T, int>(numbers.AsSpan());
            BinaryPrimitives.ReverseEndianness(words, words);
        }

        return numbers;
    }
}
