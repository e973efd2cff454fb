using RecService.Engine.Files;

namespace RecService.Engine.Data;

/// <summary>Writes and reads data sets as files, which hold what is in memory and load several times as fast as text.</summary>
/// <remarks>
/// A file is 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>, each sealed by a
/// SHA-256. The
/// content is a 32-bit length, that many bytes of JSON (<see cref="ExampleHeader"/>), and arrays of 32-bit numbers, of which those in brackets may be
/// missing:
/// the field of each column; [the factor row of each column]; [the index of each factor row]; targets; [weights]; then, for each block, [the row of each example]; [the first entry
/// of each row
/// and the number of entries]; columns; [values]. All is little-endian. Where factor rows have no indices, the version is 1, which knows none.
/// </remarks>
public static class ExampleFile
{
    /// <summary>The newest format version that is written and read.</summary>
    public const int FormatVersion = 2;

    private const int VersionWithoutIndices = 1;

    private static readonly SealedFormat Format = new("data file", "RSEX"u8, VersionWithoutIndices, FormatVersion, (message, inner) =>
        inner is null ? new DataFormatException(message) : new DataFormatException(message, inner)
    );

    /// <summary>Whether a file that starts with these bytes, at least 8, is one of these.</summary>
    public static bool IsStartOf(ReadOnlySpan<byte> bytes) => Format.IsStartOf(bytes);

    /// <summary>Writes a data set; the stream need not be seekable and stays open.</summary>
    /// <exception cref="ArgumentException">The examples have columns outside the space.</exception>
    public static void Save(Stream stream, FeatureSpace space, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(examples);
        examples.CheckColumns(space);
        Format.Save(
            stream,
            writer =>
            {
                writer.WriteHeader(HeaderOf(space, examples), ExampleHeaderJson.Default.ExampleHeader);
                writer.WriteNumbers(space.ColumnFields);
                writer.WriteNumbers(space.ColumnFactors);
                writer.WriteNumbers(space.FactorIndices);
                writer.WriteNumbers(examples.Targets);
                writer.WriteNumbers(examples.Weights);
                for (var block = 0; block < examples.Blocks.Count; block++)
                {
                    writer.WriteNumbers(examples.Rows[block]);
                    writer.WriteNumbers(examples.Blocks[block].Offsets);
                    writer.WriteNumbers(examples.Blocks[block].Columns);
                    writer.WriteNumbers(examples.Blocks[block].Values);
                }
            },
            space.FactorIndices.IsEmpty ? VersionWithoutIndices : FormatVersion
        );
    }

    /// <summary>Reads a data set to the end of the stream, which need not be seekable and stays open.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="space">The space that the file's must equal, and that is given back; null when the file may have any.</param>
    /// <exception cref="DataFormatException">The stream holds no data file, a damaged one, one of another format version, or one of another
    /// space.</exception>
    public static (FeatureSpace Space, ExampleSet Examples) Load(Stream stream, FeatureSpace? space = null) =>
        Format.Load(stream, reader => Read(reader, space));

    private static ExampleHeader HeaderOf(FeatureSpace space, ExampleSet examples) =>
        new(
            examples.Count,
            examples.Weights is not null,
            [.. space.Fields],
            space.ColumnCount,
            !space.ColumnFactors.IsEmpty,
            [
                .. examples.Blocks.Zip(examples.Rows, (block, rows) =>
                    new BlockHeader(
                        block.Count,
                        block.ColumnCount,
                        block.Columns.Length,
                        !block.Offsets.IsEmpty,
                        !block.Values.IsEmpty,
                        rows is not null
                    )
                ),
            ],
            space.FactorIndices.IsEmpty ? null : space.FactorCount
        );

    private static (FeatureSpace Space, ExampleSet Examples) Read(BinaryReader reader, FeatureSpace? expected)
    {
        var header = reader.ReadHeader(ExampleHeaderJson.Default.ExampleHeader);
        if (header.Blocks.Contains(null))
        {
            throw new InvalidDataException("a block in the header is null.");
        }

        var space = new FeatureSpace(
            header.Fields,
            reader.ReadNumbers<int>(header.Columns),
            header.ColumnFactors ? reader.ReadNumbers<int>(header.Columns) : null,
            header.FactorIndices is { } count ? reader.ReadNumbers<int>(count) : null
        );
        if (expected is not null && !expected.HasSameColumnsAs(space))
        {
            throw new InvalidDataException("the columns are not those of the feature space that is wanted.");
        }

        var targets = reader.ReadNumbers<float>(header.Examples);
        var weights = header.Weights ? reader.ReadNumbers<float>(header.Examples) : null;
        var rows = new int[]?[header.Blocks.Length];
        var blocks = new SparseRows[header.Blocks.Length];
        for (var block = 0; block < blocks.Length; block++)
        {
            rows[block] = header.Blocks[block].ExampleRows ? reader.ReadNumbers<int>(header.Examples) : null;
            blocks[block] = ReadBlock(reader, header.Blocks[block]);
        }

        var examples = new ExampleSet(blocks, rows, targets, weights);
        examples.CheckColumns(space);
        return (expected ?? space, examples);
    }

    private static SparseRows ReadBlock(BinaryReader reader, BlockHeader header)
    {
        var offsets = header.Offsets ? reader.ReadNumbers<int>(checked(header.Rows + 1)) : [];
        var columns = reader.ReadNumbers<int>(header.Entries);
        var values = header.Values ? reader.ReadNumbers<float>(header.Entries) : [];
        var fits =
            offsets.Length == 0
                ? header.Entries == 0 || (header.Rows > 0 && header.Entries % header.Rows == 0)
                : offsets[0] == 0 && offsets[^1] == header.Entries && IsAscending(offsets);
        if (!fits || header.Rows < 0)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{header.Rows} rows do not divide {header.Entries} entries as announced."));
        }

        if (header.Columns < 0 || (header.Columns == 0 ? columns.Length > 0 : columns.AsSpan().ContainsAnyExceptInRange(0, header.Columns - 1)))
        {
            throw new InvalidDataException(FormattableString.Invariant($"an entry is in none of the {header.Columns} columns."));
        }

        foreach (var value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new InvalidDataException("a value is not finite.");
            }
        }

        return new SparseRows(header.Rows, offsets, columns, values, header.Columns);
    }

    private static bool IsAscending(int[] numbers)
    {
        for (var n = 1; n < numbers.Length; n++)
        {
            if (numbers[n] < numbers[n - 1])
            {
                return false;
            }
        }

        return true;
    }
}
