using RecService.Cli.Commands;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;

namespace RecService.Cli.Files;

/// <summary>Examples as a file holds them.</summary>
/// <param name="Name">What messages call the file.</param>
/// <param name="Space">The columns: the file's own, or those that it was read against.</param>
/// <param name="Examples">The examples.</param>
/// <param name="UnknownEntries">Entries that were left out because the columns have none for them.</param>
internal sealed record DataSet(string Name, FeatureSpace Space, ExampleSet Examples, long UnknownEntries);

/// <summary>The kinds of files that hold examples.</summary>
internal enum DataFormat
{
    LibFm,
    LibFfm,
    Cache,
}

/// <summary>Files of examples, which their content tells apart.</summary>
internal static class DataFiles
{
    /// <summary>Reads a file; at least one row.</summary>
    /// <param name="path">The file, or <c>-</c> for standard input.</param>
    /// <param name="standardInput">What <c>-</c> stands for.</param>
    /// <param name="space">Columns to read against; null for those that the file makes.</param>
    public static DataSet Read(string path, Stream standardInput, FeatureSpace? space = null)
    {
        using var file = InputFile.Open(path, standardInput);
        return Read(file, space);
    }

    /// <inheritdoc cref="Read(string, Stream, FeatureSpace)"/>
    public static DataSet Read(InputFile file, FeatureSpace? space = null)
    {
        try
        {
            var data = ExampleFile.IsStartOf(file.Start) ? ReadCache(file, space) : ReadText(file, space);
            return data.Examples.Count > 0 ? data : throw new CommandFailedException($"{file.Name}: there are no rows.");
        }
        catch (Exception refusal) when (refusal is DataFormatException { Line: null } or InvalidDataException)
        {
            throw new CommandFailedException($"{file.Name}: {refusal.Message}", refusal);
        }
        catch (ArgumentException refusal) when (refusal.ParamName == "space")
        {
            throw CommandFailedException.For(refusal, $"{file.Name}: ");
        }
    }

    /// <summary>Where a row stands, for the user: the line, where the file is of text and can be read again.</summary>
    /// <param name="path">The file, or <c>-</c> for standard input.</param>
    /// <param name="row">The row, the first being 0.</param>
    public static string PlaceOf(string path, int row)
    {
        var name = path == InputFile.StandardInput ? "standard input" : path;
        try
        {
            if (path != InputFile.StandardInput)
            {
                using var file = InputFile.Open(path, Stream.Null);
                var reader = new SparseTextReader(file.Content, name);
                for (var at = 0; !ExampleFile.IsStartOf(file.Start) && reader.Read(); at++)
                {
                    if (at == row)
                    {
                        return FormattableString.Invariant($"{name}, line {reader.Line}");
                    }
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or DataFormatException)
        {
            // Of a pipe, or of a file that has changed, the number of the row has to do.
        }

        return FormattableString.Invariant($"{name}, row {row + 1}");
    }

    /// <summary>Writes a file.</summary>
    public static void Write(OutputFile file, DataFormat format, FeatureSpace space, ExampleSet examples) =>
        file.Write(content =>
        {
            if (format != DataFormat.Cache && examples.Weights is not null)
            {
                throw new CommandFailedException("the rows have weights, for which text has no place: the format must be a cache");
            }

            if (format == DataFormat.Cache)
            {
                ExampleFile.Save(content, space, examples);
            }
            else
            {
                SparseTextWriter.Write(content, space, examples, format == DataFormat.LibFm ? SparseTextFormat.LibFm : SparseTextFormat.LibFfm);
            }
        });

    /// <summary>The format that the extension of a file to write tells.</summary>
    public static DataFormat FormatFor(string path) =>
        OutputFile.ExtensionOf(path) switch
        {
            ".libfm" or ".libsvm" or ".svm" => DataFormat.LibFm,
            ".ffm" or ".libffm" => DataFormat.LibFfm,
            ".cache" => DataFormat.Cache,
            _ => throw new CommandFailedException(
                $"the extension of {path} tells no format of rows: .libfm, .libsvm, .svm, .ffm, .libffm or .cache does, or --format"
            ),
        };

    private static DataSet ReadText(InputFile file, FeatureSpace? space)
    {
        var data = space is null ? SparseTextData.Read(file.Content, file.Name) : SparseTextData.Read(file.Content, file.Name, space);
        return new(file.Name, data.Space, data.Examples, data.UnknownEntries);
    }

    private static DataSet ReadCache(InputFile file, FeatureSpace? space)
    {
        var (own, examples) = ExampleFile.Load(file.Content);
        if (space is null || own.HasSameColumnsAs(space))
        {
            return new(file.Name, space ?? own, examples, UnknownEntries: 0);
        }

        var (translated, unknown) = Translate(own, examples, space);
        return new(file.Name, space, translated, unknown);
    }

    /// <summary>Finds the columns of another space for what entries mean, as if they were text.</summary>
    private static (ExampleSet Examples, long UnknownEntries) Translate(FeatureSpace own, ExampleSet examples, FeatureSpace space)
    {
        var sameFields = own.Fields.SequenceEqual(space.Fields, StringComparer.Ordinal);
        if (!sameFields && !(HasNumbersAsFields(own) && HasNumbersAsFields(space)))
        {
            throw new DataFormatException($"the fields are {string.Join(", ", own.Fields)}; those wanted are {string.Join(", ", space.Fields)}.");
        }

        var (from, to) = (new FileColumns(own), new FileColumns(space));
        var columns = new int[own.ColumnCount];
        for (var column = 0; column < columns.Length; column++)
        {
            var (field, index) = from.EntryOf(column);
            columns[column] = to.Find(field, index);
        }

        var rows = new SparseRowsBuilder(space.ColumnCount);
        var buffer = new RowBuffer();
        var unknown = 0L;
        for (var example = 0; example < examples.Count; example++)
        {
            var row = examples.Gather(example, buffer);
            for (var entry = 0; entry < row.Length; entry++)
            {
                if (columns[row.Columns[entry]] is >= 0 and var column)
                {
                    rows.Add(column, row.ValueAt(entry));
                }
                else
                {
                    unknown++;
                }
            }

            rows.EndRow();
        }

        return (new(rows.Build(), examples.Targets, examples.Weights), unknown);
    }

    private static bool HasNumbersAsFields(FeatureSpace space) => space.Fields.All(field => ushort.TryParse(field, out _));
}
