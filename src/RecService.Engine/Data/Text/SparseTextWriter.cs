using System.Globalization;
using System.Text.Unicode;

namespace RecService.Engine.Data.Text;

/// <summary>Writes examples as text, which <see cref="SparseTextReader"/> reads.</summary>
public static class SparseTextWriter
{
    // More than a field, an index, a value and what stands between them take.
    private const int LongestPart = 64;

    /// <summary>
    /// Writes a line for each example, with the least digits that read back the same. <see cref="FileColumns"/> says which entry means which column.
    /// </summary>
    /// <param name="stream">The stream, which stays open.</param>
    /// <param name="space">The columns of the examples.</param>
    /// <param name="examples">The examples; without weights, for which the formats have no place.</param>
    /// <param name="format">The format.</param>
    /// <exception cref="ArgumentException">The examples have weights or columns outside the space, or <see cref="FileColumns"/> refuses the
    /// space.</exception>
    public static void Write(Stream stream, FeatureSpace space, ExampleSet examples, SparseTextFormat format)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(examples);
        var columns = new FileColumns(space);
        if (!Enum.IsDefined(format))
        {
            throw new ArgumentOutOfRangeException(nameof(format));
        }

        if (examples.Weights is not null)
        {
            throw new ArgumentException("The text formats have no place for the weights of examples.", nameof(examples));
        }

        examples.CheckColumns(space);

        var invariant = CultureInfo.InvariantCulture;
        var text = new byte[64 * 1024];
        var length = 0;
        var buffer = new RowBuffer();
        for (var example = 0; example < examples.Count; example++)
        {
            Utf8.TryWrite(Room(), invariant, $"{examples.Targets[example]}", out var written);
            length += written;
            var row = examples.Gather(example, buffer);
            for (var entry = 0; entry < row.Length; entry++)
            {
                var column = row.Columns[entry];
                if (format == SparseTextFormat.LibFfm && columns.EntryOf(column) is var (field, index))
                {
                    Utf8.TryWrite(Room(), invariant, $" {field}:{index}:{row.ValueAt(entry)}", out written);
                }
                else
                {
                    Utf8.TryWrite(Room(), invariant, $" {columns.IndexOf(column)}:{row.ValueAt(entry)}", out written);
                }

                length += written;
            }

            Room()[0] = (byte)'\n';
            length++;
        }

        stream.Write(text, 0, length);

        Span<byte> Room()
        {
            if (text.Length - length < LongestPart)
            {
                stream.Write(text, 0, length);
                length = 0;
            }

            return text.AsSpan(length);
        }
    }
}
