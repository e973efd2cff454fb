using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace RecService.Engine.Files;

/// <summary>
/// What the content of a binary file consists of: a header in JSON behind its 32-bit length, and arrays of 32-bit numbers. All is little-endian.
/// </summary>
internal static class Sections
{
    private const int MaximumHeaderLength = 64 * 1024 * 1024;

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
        {
            throw new InvalidDataException(FormattableString.Invariant($"a header of {length} bytes."));
        }

        return JsonSerializer.Deserialize(reader.ReadNumbers<byte>(length), type) ?? throw new InvalidDataException("the header is null.");
    }

    public static void WriteNumbers(this BinaryWriter writer, ReadOnlySpan<float> numbers) => NumberStream.Write(writer.BaseStream, numbers);

    public static void WriteNumbers(this BinaryWriter writer, ReadOnlySpan<int> numbers) => NumberStream.Write(writer.BaseStream, numbers);

    /// <inheritdoc cref="NumberStream.Read{T}(Stream, int, int, int)"/>
    public static T[] ReadNumbers<T>(this BinaryReader reader, int count)
        where T : unmanaged => NumberStream.Read<T>(reader.BaseStream, count);

    /// <inheritdoc cref="NumberStream.Read{T}(Stream, int, int, int)"/>
    public static T[] ReadNumbers<T>(this BinaryReader reader, int rows, int width, int stride)
        where T : unmanaged => NumberStream.Read<T>(reader.BaseStream, rows, width, stride);
}
