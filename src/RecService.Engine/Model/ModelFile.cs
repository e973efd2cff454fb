using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using RecService.Engine.Data;

namespace RecService.Engine.Model;

/// <summary>Writes and reads models as files, in one pass forwards, with no buffer beyond a chunk besides the model itself.</summary>
/// <remarks>
/// A file is 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>, each sealed by a SHA-256. The
/// content is a 32-bit length, that many bytes of JSON (<see cref="ModelHeader"/>), and the sections that it lists: <c>columnFields</c>, the field of each column;
/// <c>columnFactors</c>, the factor row of each column, left out when column i has row i; <c>weights</c>, a float32 for each column; <c>factors</c>, k float32 for
/// each factor row; <c>features</c>, the feature index, left out when there is none. All numbers are little-endian.
/// </remarks>
public static class ModelFile
{
    /// <summary>The format version that is written, and the only one that is read.</summary>
    public const int FormatVersion = 1;

    private const int MaximumHeaderLength = 64 * 1024 * 1024;

    private const int PartLength = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // As in PNG: a byte that is no text, and line ends that a transfer as text would change.
    private static ReadOnlySpan<byte> Magic => [0x89, (byte)'R', (byte)'S', (byte)'F', (byte)'M', (byte)'\r', (byte)'\n', 0x1A];

    /// <summary>Writes <paramref name="model"/>; the stream need not be seekable and stays open.</summary>
    public static void Save(Stream stream, FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(model);
        Span<byte> prefix = stackalloc byte[Magic.Length + sizeof(int)];
        Magic.CopyTo(prefix);
        BinaryPrimitives.WriteInt32LittleEndian(prefix[Magic.Length..], FormatVersion);

        using var content = new ChecksumWriteStream(stream, prefix);
        using var writer = new BinaryWriter(content, StrictUtf8, leaveOpen: true);
        var header = JsonSerializer.SerializeToUtf8Bytes(HeaderOf(model), ModelHeaderJson.Default.ModelHeader);
        writer.Write(header.Length);
        writer.Write(header);
        WriteNumbers(content, model.Space.ColumnFields);
        WriteNumbers(content, model.Space.ColumnFactors);
        WriteNumbers(content, MemoryMarshal.Cast<float, int>(model.Weights));
        for (var row = 0; row < model.Space.FactorCount; row++)
            WriteNumbers(content, MemoryMarshal.Cast<float, int>(model.FactorTable.Slice(row * model.Stride, model.Factors)));
        model.Features?.Write(writer);
        writer.Flush();
        content.Complete();
    }

    /// <summary>Reads a model to the end of the stream, which need not be seekable and stays open.</summary>
    /// <exception cref="ModelFormatException">The stream holds no model, a damaged one, or one of another format version.</exception>
    public static FactorizationModel Load(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Span<byte> prefix = stackalloc byte[Magic.Length + sizeof(int)];
        var read = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        if (read == 0)
            throw new ModelFormatException("There is no model file: the stream is empty.");
        if (!prefix[..Math.Min(read, Magic.Length)].SequenceEqual(Magic[..Math.Min(read, Magic.Length)]))
            throw new ModelFormatException("This is no model file: it begins differently.");
        if (read < prefix.Length)
            throw new ModelFormatException("The model file is truncated: it ends within its first bytes.");
        var version = BinaryPrimitives.ReadInt32LittleEndian(prefix[Magic.Length..]);
        if (version != FormatVersion)
            throw new ModelFormatException(FormattableString.Invariant($"The model file has format version {version}; this program reads version {FormatVersion}."));

        using var content = new ChecksumReadStream(stream, prefix);
        using var reader = new BinaryReader(content, StrictUtf8, leaveOpen: true);
        try
        {
            var model = Read(content, reader);
            content.Complete();
            return model;
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException or JsonException or FormatException or ArgumentException or OverflowException)
        {
            // The checksums fit, so what is wrong was written so.
            throw new ModelFormatException($"The content of the model file does not fit together: {e.Message}", e);
        }
    }

    private static ModelHeader HeaderOf(FactorizationModel model) => new(
        model.Interaction,
        model.Loss,
        model.Factors,
        model.Bias,
        float.IsNegativeInfinity(model.TargetMinimum) ? null : model.TargetMinimum,
        float.IsPositiveInfinity(model.TargetMaximum) ? null : model.TargetMaximum,
        [.. model.Space.Fields],
        model.Space.ColumnCount,
        model.Space.FactorCount,
        [.. SectionsOf(shared: !model.Space.ColumnFactors.IsEmpty, features: model.Features is not null)]);

    private static IEnumerable<string> SectionsOf(bool shared, bool features)
    {
        yield return "columnFields";
        if (shared)
            yield return "columnFactors";
        yield return "weights";
        yield return "factors";
        if (features)
            yield return "features";
    }

    private static FactorizationModel Read(ChecksumReadStream content, BinaryReader reader)
    {
        var header = ReadHeader(content, reader);
        var shared = header.Sections.Contains("columnFactors", StringComparer.Ordinal);
        var features = header.Sections.Contains("features", StringComparer.Ordinal);
        if (!header.Sections.SequenceEqual(SectionsOf(shared, features), StringComparer.Ordinal))
            throw new InvalidDataException($"the sections {string.Join(", ", header.Sections)} are not those of a model.");

        var columnFields = ReadNumbers<int>(content, header.Columns, 1, 1);
        var columnFactors = shared ? ReadNumbers<int>(content, header.Columns, 1, 1) : null;
        var space = new FeatureSpace(header.Fields, columnFields, columnFactors);
        if (space.FactorCount != header.FactorRows)
            throw new InvalidDataException(FormattableString.Invariant($"there are {space.FactorCount} factor rows, not {header.FactorRows}."));
        return new(
            space,
            header.Interaction,
            header.Loss,
            header.Factors,
            header.Bias,
            ReadNumbers<float>(content, header.Columns, 1, 1),
            ReadNumbers<float>(content, header.FactorRows, header.Factors, FactorizationModel.StrideOf(header.Factors)),
            header.TargetMinimum ?? float.NegativeInfinity,
            header.TargetMaximum ?? float.PositiveInfinity,
            features ? FeatureIndex.Read(reader) : null);
    }

    private static ModelHeader ReadHeader(ChecksumReadStream content, BinaryReader reader)
    {
        var length = reader.ReadInt32();
        if (length is <= 0 or > MaximumHeaderLength)
            throw new InvalidDataException(FormattableString.Invariant($"a header of {length} bytes."));
        var header = JsonSerializer.Deserialize(ReadNumbers<byte>(content, length, 1, 1), ModelHeaderJson.Default.ModelHeader)
            ?? throw new InvalidDataException("the header is null.");
        return header.Columns >= 0 && header.FactorRows >= 0 && header.Factors >= 0
            ? header
            : throw new InvalidDataException("a count in the header is negative.");
    }

    private static void WriteNumbers(Stream content, ReadOnlySpan<int> numbers)
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

            content.Write(MemoryMarshal.AsBytes(part));
        }
    }

    /// <summary>
    /// Reads rows of <paramref name="width"/> numbers into rows of <paramref name="stride"/>, the rest of which stays 0. The array grows as the numbers come,
    /// so that a wrong count in a header takes no more memory than the file is long.
    /// </summary>
    private static T[] ReadNumbers<T>(Stream content, int rows, int width, int stride)
        where T : unmanaged
    {
        if ((long)rows * stride > Array.MaxLength)
            throw new InvalidDataException(FormattableString.Invariant($"{rows} rows of {stride} numbers are more than an array can hold."));
        if (stride == 0)
            return [];
        var part = Math.Max(1, PartLength / stride);
        var numbers = new T[Math.Min(rows, part) * stride];
        for (var row = 0; row < rows;)
        {
            if (row * stride == numbers.Length)
                Array.Resize(ref numbers, (int)Math.Min(2L * numbers.Length, (long)rows * stride));
            // Rows without padding between them are one read.
            var together = width == stride ? Math.Min((numbers.Length / stride) - row, part) : 1;
            content.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan(row * stride, together * width)));
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
