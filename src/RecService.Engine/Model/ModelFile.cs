using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using RecService.Engine.Data;

namespace RecService.Engine.Model;

/// <summary>Writes and reads models as files, in one pass forwards, with no buffer beyond a chunk besides the model itself.</summary>
/// <remarks>
/// A file is 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>, each sealed by a SHA-256. The
/// content is a 32-bit length, that many bytes of JSON (<see cref="ModelHeader"/>), and the sections that it lists: <c>columnFields</c>, the field of each column;
/// <c>columnFactors</c>, the factor row of each column, left out when column i has row i; <c>weights</c>, a float32 for each column; <c>factors</c>, k float32 for
/// each factor row; <c>fieldWeights</c>, r of a field-weighted model, F × F float32, left out in others; <c>features</c>, the feature index, left out when there is
/// none. All numbers are little-endian. Version 1 is the same without field weights.
/// </remarks>
public static class ModelFile
{
    /// <summary>The format version that is written, and the newest that is read.</summary>
    public const int FormatVersion = 2;

    private const int OldestVersion = 1;

    private const int MaximumHeaderLength = 64 * 1024 * 1024;

    internal static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

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
        NumberStream.Write(content, model.Space.ColumnFields);
        NumberStream.Write(content, model.Space.ColumnFactors);
        NumberStream.Write(content, model.Weights);
        NumberStream.WriteFactors(content, model);
        NumberStream.Write(content, model.FieldWeights);
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
        if (version is < OldestVersion or > FormatVersion)
        {
            throw new ModelFormatException(
                FormattableString.Invariant($"The model file has format version {version}; this program reads versions {OldestVersion} to {FormatVersion}."));
        }

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
        [.. SectionsOf(shared: !model.Space.ColumnFactors.IsEmpty, weighted: !model.FieldWeights.IsEmpty, features: model.Features is not null)]);

    private static IEnumerable<string> SectionsOf(bool shared, bool weighted, bool features)
    {
        yield return "columnFields";
        if (shared)
            yield return "columnFactors";
        yield return "weights";
        yield return "factors";
        if (weighted)
            yield return "fieldWeights";
        if (features)
            yield return "features";
    }

    private static FactorizationModel Read(ChecksumReadStream content, BinaryReader reader)
    {
        var header = ReadHeader(content, reader);
        var shared = header.Sections.Contains("columnFactors", StringComparer.Ordinal);
        var weighted = header.Sections.Contains("fieldWeights", StringComparer.Ordinal);
        var features = header.Sections.Contains("features", StringComparer.Ordinal);
        if (!header.Sections.SequenceEqual(SectionsOf(shared, weighted, features), StringComparer.Ordinal))
            throw new InvalidDataException($"the sections {string.Join(", ", header.Sections)} are not those of a model.");

        var columnFields = NumberStream.Read<int>(content, header.Columns);
        var columnFactors = shared ? NumberStream.Read<int>(content, header.Columns) : null;
        var space = new FeatureSpace(header.Fields, columnFields, columnFactors);
        if (space.FactorCount != header.FactorRows)
            throw new InvalidDataException(FormattableString.Invariant($"there are {space.FactorCount} factor rows, not {header.FactorRows}."));
        var weights = NumberStream.Read<float>(content, header.Columns);
        var factors = NumberStream.Read<float>(content, header.FactorRows, header.Factors, FactorizationModel.StrideOf(header.Factors));
        var fieldWeights = weighted ? NumberStream.Read<float>(content, checked(space.FieldCount * space.FieldCount)) : null;
        return new(
            space,
            header.Interaction,
            header.Loss,
            header.Factors,
            header.Bias,
            weights,
            factors,
            header.TargetMinimum ?? float.NegativeInfinity,
            header.TargetMaximum ?? float.PositiveInfinity,
            features ? FeatureIndex.Read(reader) : null,
            fieldWeights);
    }

    private static ModelHeader ReadHeader(ChecksumReadStream content, BinaryReader reader)
    {
        var length = reader.ReadInt32();
        if (length is <= 0 or > MaximumHeaderLength)
            throw new InvalidDataException(FormattableString.Invariant($"a header of {length} bytes."));
        var header = JsonSerializer.Deserialize(NumberStream.Read<byte>(content, length), ModelHeaderJson.Default.ModelHeader)
            ?? throw new InvalidDataException("the header is null.");
        return header.Columns >= 0 && header.FactorRows >= 0 && header.Factors >= 0
            ? header
            : throw new InvalidDataException("a count in the header is negative.");
    }
}
