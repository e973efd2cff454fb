using RecService.Engine.Data;
using RecService.Engine.Files;

namespace RecService.Engine.Model;

/// <summary>Writes and reads models as files, in one pass forwards, with no buffer beyond a chunk besides the model itself.</summary>
/// <remarks>
/// A file is 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>, each sealed by a
/// SHA-256. The
/// content is a 32-bit length, that many bytes of JSON (<see cref="ModelHeader"/>), and the sections that it lists: <c>columnFields</c>, the field of
/// each column;
/// <c>columnFactors</c>, the factor row of each column, left out when column i has row i; <c>factorIndices</c>, what text files call each factor row, left out when
/// it is its number; <c>weights</c>, a float32 for each column; <c>factors</c>,
/// k float32 for
/// each factor row; <c>fieldWeights</c>, r of a field-weighted model, F × F float32, left out in others; <c>features</c>, the feature index, left out
/// when there is
/// none. All numbers are little-endian. A model without indices is written as version 3, which has none, one without histories as version 2, which has neither;
/// version 1 has no field weights either.
/// </remarks>
public static class ModelFile
{
    /// <summary>The format version that is written, and the newest that is read.</summary>
    public const int FormatVersion = 4;

    private const int OldestVersion = 1;

    private const int VersionWithoutHistories = 2;

    private const int VersionWithoutIndices = 3;

    private static readonly SealedFormat Format = new("model file", "RSFM"u8, OldestVersion, FormatVersion, (message, inner) =>
        inner is null ? new ModelFormatException(message) : new ModelFormatException(message, inner)
    );

    /// <summary>Whether a file that starts with these bytes, at least 8, is one of these.</summary>
    public static bool IsStartOf(ReadOnlySpan<byte> bytes) => Format.IsStartOf(bytes);

    /// <summary>Writes <paramref name="model"/>; the stream need not be seekable and stays open.</summary>
    public static void Save(Stream stream, FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Format.Save(stream, writer => Write(writer, model), VersionOf(model));
    }

    /// <summary>Reads a model to the end of the stream, which need not be seekable and stays open.</summary>
    /// <exception cref="ModelFormatException">The stream holds no model, a damaged one, or one of another format version.</exception>
    public static FactorizationModel Load(Stream stream) => Format.Load(stream, Read);

    private static int VersionOf(FactorizationModel model)
    {
        if (!model.Space.FactorIndices.IsEmpty)
        {
            return FormatVersion;
        }

        return model.History is null ? VersionWithoutHistories : VersionWithoutIndices;
    }

    /// <summary>Writes the content of a file.</summary>
    internal static void Write(BinaryWriter writer, FactorizationModel model)
    {
        writer.WriteHeader(HeaderOf(model), ModelHeaderJson.Default.ModelHeader);
        writer.WriteNumbers(model.Space.ColumnFields);
        writer.WriteNumbers(model.Space.ColumnFactors);
        writer.WriteNumbers(model.Space.FactorIndices);
        writer.WriteNumbers(model.Weights);
        model.WriteFactors(writer.BaseStream);
        writer.WriteNumbers(model.FieldWeights);
        model.Features?.Write(writer);
    }

    /// <summary>Reads the content of a file.</summary>
    internal static FactorizationModel Read(BinaryReader reader)
    {
        var header = reader.ReadHeader(ModelHeaderJson.Default.ModelHeader);
        if (header.Columns < 0 || header.FactorRows < 0 || header.Factors < 0)
        {
            throw new InvalidDataException("a count in the header is negative.");
        }

        var shared = header.Sections.Contains("columnFactors", StringComparer.Ordinal);
        var indexed = header.Sections.Contains("factorIndices", StringComparer.Ordinal);
        var weighted = header.Sections.Contains("fieldWeights", StringComparer.Ordinal);
        var features = header.Sections.Contains("features", StringComparer.Ordinal);
        if (!header.Sections.SequenceEqual(SectionsOf(shared, indexed, weighted, features), StringComparer.Ordinal))
        {
            throw new InvalidDataException($"the sections {string.Join(", ", header.Sections)} are not those of a model.");
        }

        var columnFields = reader.ReadNumbers<int>(header.Columns);
        var columnFactors = shared ? reader.ReadNumbers<int>(header.Columns) : null;
        var factorIndices = indexed ? reader.ReadNumbers<int>(header.FactorRows) : null;
        var space = new FeatureSpace(header.Fields, columnFields, columnFactors, factorIndices);
        if (space.FactorCount != header.FactorRows)
        {
            throw new InvalidDataException(FormattableString.Invariant($"there are {space.FactorCount} factor rows, not {header.FactorRows}."));
        }

        var weights = reader.ReadNumbers<float>(header.Columns);
        var vectorLength = FactorizationModel.VectorLengthOf(header.Crossing, space.FieldCount, header.Factors);
        var factors = reader.ReadNumbers<float>(header.FactorRows, vectorLength, FactorizationModel.StrideOf(vectorLength));
        var fieldWeights = weighted ? reader.ReadNumbers<float>(checked(space.FieldCount * space.FieldCount)) : null;
        return new(
            space,
            header.Crossing,
            header.Loss,
            header.Factors,
            header.Bias,
            weights,
            factors,
            header.TargetMinimum ?? float.NegativeInfinity,
            header.TargetMaximum ?? float.PositiveInfinity,
            features ? FeatureIndex.Read(reader) : null,
            fieldWeights,
            header.History
        );
    }

    private static ModelHeader HeaderOf(FactorizationModel model) =>
        new(
            model.Crossing,
            model.Loss,
            model.Factors,
            model.Bias,
            float.IsNegativeInfinity(model.TargetMinimum) ? null : model.TargetMinimum,
            float.IsPositiveInfinity(model.TargetMaximum) ? null : model.TargetMaximum,
            [.. model.Space.Fields],
            model.Space.ColumnCount,
            model.Space.FactorCount,
            [
                .. SectionsOf(
                    shared: !model.Space.ColumnFactors.IsEmpty,
                    indexed: !model.Space.FactorIndices.IsEmpty,
                    weighted: !model.FieldWeights.IsEmpty,
                    features: model.Features is not null
                ),
            ],
            model.History
        );

    private static IEnumerable<string> SectionsOf(bool shared, bool indexed, bool weighted, bool features)
    {
        yield return "columnFields";
        if (shared)
        {
            yield return "columnFactors";
        }

        if (indexed)
        {
            yield return "factorIndices";
        }

        yield return "weights";
        yield return "factors";
        if (weighted)
        {
            yield return "fieldWeights";
        }

        if (features)
        {
            yield return "features";
        }
    }
}
