namespace RecService.Engine.Data.Text;

/// <summary>The examples of a text file, and the feature space of their columns.</summary>
/// <remarks>
/// The first file of a kind, the training file, makes the space; further ones, and those that a model is to score, are read against it. A libFM file
/// makes a
/// space of the one field <c>feature</c>. A libffm file makes one whose fields are named by their numbers, and <see cref="FileColumns"/> says what
/// its columns are.
/// In both, column i is index i, and an index that the file leaves out has a column in which nothing is learnt; where indices reach far and most of them do not occur, only
/// those that do have columns, in the order of the indices.
/// </remarks>
public sealed class SparseTextData
{
    /// <summary>The columns that a file may take unless the caller says otherwise: 2^27.</summary>
    public const int DefaultColumnLimit = 1 << 27;

    private const int LargestColumnLimit = 1 << 30;

    private SparseTextData(FeatureSpace space, SparseRows rows, float[] targets, SparseTextFormat format, long unknownEntries)
    {
        Space = space;
        Examples = new ExampleSet(rows, targets);
        Format = format;
        UnknownEntries = unknownEntries;
    }

    /// <summary>The columns.</summary>
    public FeatureSpace Space { get; }

    /// <summary>The examples, in the order of the lines: one block, without weights.</summary>
    public ExampleSet Examples { get; }

    /// <summary>The format of the file; that of libFM where nothing tells it.</summary>
    public SparseTextFormat Format { get; }

    /// <summary>Number of entries that were left out because their feature has no column in the space that was given.</summary>
    public long UnknownEntries { get; }

    /// <summary>Reads a file whose features make the space.</summary>
    /// <param name="stream">The text; see <see cref="SparseTextReader"/>. Where it can seek, it is read twice, so that no array has to grow.</param>
    /// <param name="name">What messages call it, such as the file's name.</param>
    /// <param name="format">The format, when known; else the first entry tells it.</param>
    /// <param name="columnLimit">How many columns the space may have, at most 2^30. A column takes 4 to 8 bytes here, and 4 (k + 1) and more in a
    /// model.</param>
    /// <exception cref="DataFormatException">The text is not understood, or has too many columns or entries.</exception>
    public static SparseTextData Read(Stream stream, string name, SparseTextFormat? format = null, int columnLimit = DefaultColumnLimit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columnLimit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columnLimit, LargestColumnLimit);
        var reader = new SparseTextReader(stream, name, format);
        var columns = new FileColumnsBuilder();
        var rows = new SparseRowsBuilder();
        var targets = ReadRows(stream, reader, rows, () =>
        {
            var fields = reader.Fields;
            var indices = reader.Indices;
            var values = reader.Values;
            for (var entry = 0; entry < indices.Length; entry++)
            {
                rows.Add(columns.Add(fields.IsEmpty ? 0 : fields[entry], indices[entry]), values[entry]);
            }

            if (columns.ColumnCount > columnLimit)
            {
                throw reader.Refusal(
                    FormattableString.Invariant($"there are more than {columnLimit} features; leave rare ones out, or give several of them one index.")
                );
            }
        });
        var hasFields = reader.Format == SparseTextFormat.LibFfm;
        var space = columns.Build(hasFields ? null : FeatureSpace.OnlyField, out var places);
        rows.MoveColumns(places);
        return new(space, rows.Build(), targets, hasFields ? SparseTextFormat.LibFfm : SparseTextFormat.LibFm, 0);
    }

    /// <summary>
    /// Reads a file against the space of another one, or of a model. Entries whose feature has no column there are left out and counted.
    /// </summary>
    /// <param name="stream">The text; see <see cref="SparseTextReader"/>. Where it can seek, it is read twice, so that no array has to grow.</param>
    /// <param name="name">What messages call it, such as the file's name.</param>
    /// <param name="space">The space.</param>
    /// <param name="format">The format, when known; else the first entry tells it.</param>
    /// <exception cref="DataFormatException">The text is not understood, or has too many entries, or it is of libffm and the space of a libFM file,
    /// or the other way round.</exception>
    /// <exception cref="ArgumentException"><see cref="FileColumns"/> refuses the space.</exception>
    public static SparseTextData Read(Stream stream, string name, FeatureSpace space, SparseTextFormat? format = null)
    {
        var columns = new FileColumns(space);
        var hasNumberedFields = columns.HasNumberedFields;
        var reader = new SparseTextReader(stream, name, format);
        var rows = new SparseRowsBuilder(space.ColumnCount);
        var unknown = 0L;
        var targets = ReadRows(stream, reader, rows, () =>
        {
            if (!reader.Fields.IsEmpty && space.Fields is [FeatureSpace.OnlyField])
            {
                throw reader.Refusal(
                    $"the entries have fields, as in libffm files, but the feature space has none but '{FeatureSpace.OnlyField}', as libFM files make it."
                );
            }

            if (reader.Fields.IsEmpty && !reader.Indices.IsEmpty && hasNumberedFields)
            {
                throw reader.Refusal(
                    $"the entries have no fields, as in libFM files, but the feature space has the fields {string.Join(", ", space.Fields)}, as libffm files make it."
                );
            }

            for (var entry = 0; entry < reader.Indices.Length; entry++)
            {
                var index = reader.Indices[entry];
                var column = reader.Fields.IsEmpty ? columns.Find(index) : columns.Find(reader.Fields[entry], index);
                if (column < 0)
                {
                    unknown++;
                }
                else
                {
                    rows.Add(column, reader.Values[entry]);
                }
            }
        });
        return new(space, rows.Build(), targets, reader.Format ?? SparseTextFormat.LibFm, unknown);
    }

    /// <summary>Has <paramref name="add"/> add the entries of one row after the other.</summary>
    /// <returns>The targets.</returns>
    private static float[] ReadRows(Stream stream, SparseTextReader reader, SparseRowsBuilder rows, Action add)
    {
        var (lines, colons) = stream.CanSeek ? Count(stream) : (0, 0);
        var targets = new float[lines];
        while (reader.Read())
        {
            if (rows.Count == 0)
            {
                rows.Reserve(lines, reader.Format == SparseTextFormat.LibFfm ? colons / 2 : colons);
            }

            if (rows.EntryCount > Array.MaxLength - reader.Indices.Length)
            {
                throw reader.Refusal(FormattableString.Invariant($"there are more than {Array.MaxLength} entries; divide the file."));
            }

            if (rows.Count == targets.Length)
            {
                Array.Resize(ref targets, (int)Math.Min(Math.Max(2L * targets.Length, 1024), Array.MaxLength));
            }

            targets[rows.Count] = reader.Target;
            add();
            rows.EndRow();
        }

        Array.Resize(ref targets, rows.Count);
        return targets;
    }

    /// <summary>
    /// Counts lines and colons of what is left of a stream. Of a file without comments and empty lines, these are the numbers of its rows and
    /// entries.
    /// </summary>
    private static (int Lines, int Colons) Count(Stream stream)
    {
        var start = stream.Position;
        var buffer = new byte[64 * 1024];
        var (lines, colons) = (0L, 0L);
        byte last = (byte)'\n';
        for (int read; (read = stream.Read(buffer)) > 0; last = buffer[read - 1])
        {
            lines += buffer.AsSpan(0, read).Count((byte)'\n');
            colons += buffer.AsSpan(0, read).Count((byte)':');
        }

        lines += last == '\n' ? 0 : 1;
        stream.Position = start;
        return ((int)Math.Min(lines, Array.MaxLength), (int)Math.Min(colons, Array.MaxLength));
    }
}
