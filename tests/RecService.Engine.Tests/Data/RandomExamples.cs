using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data;

/// <summary>Data sets to write and read back.</summary>
internal static class RandomExamples
{
    /// <summary>A space whose fields have these numbers; where features are shared, every other one has a second column in the next field.</summary>
    public static FeatureSpace Space(int[] fields, int features, bool shared)
    {
        var columns = Enumerable.Range(0, features).Select(index => (Field: index % fields.Length, Index: index)).ToList();
        if (shared)
        {
            columns.AddRange(Enumerable.Range(0, features / 2).Select(n => (((2 * n) + 1) % fields.Length, 2 * n)));
        }

        return new FeatureSpace(
            [.. fields.Select(field => field.ToString(CultureInfo.InvariantCulture))],
            [.. columns.Select(column => column.Field)],
            shared ? [.. columns.Select(column => column.Index)] : null
        );
    }

    /// <summary>Examples in one block, of any floats; each column is in one of them at least.</summary>
    public static ExampleSet Examples(FeatureSpace space, int count, RandomSource random, bool values = true)
    {
        var rows = new SparseRowsBuilder(space.ColumnCount);
        var targets = new float[count];
        for (var row = 0; row < count; row++)
        {
            targets[row] = Number(random);
            for (var column = row; column < space.ColumnCount; column += count)
            {
                rows.Add(column, values ? Number(random) : 1f);
            }

            for (var entry = random.Below(5); entry > 0; entry--)
            {
                rows.Add(random.Below(space.ColumnCount), values ? Number(random) : 1f);
            }

            rows.EndRow();
        }

        return new ExampleSet(rows.Build(), targets);
    }

    public static byte[] Write(FeatureSpace space, ExampleSet examples, SparseTextFormat format)
    {
        using var stream = new MemoryStream();
        SparseTextWriter.Write(stream, space, examples, format);
        return stream.ToArray();
    }

    public static byte[] Save(FeatureSpace space, ExampleSet examples)
    {
        using var stream = new MemoryStream();
        ExampleFile.Save(stream, space, examples);
        return stream.ToArray();
    }

    /// <summary>
    /// What an example says, without the numbers of fields and columns: its target, and the field's name, factor row and value of each entry.
    /// </summary>
    public static string Describe(FeatureSpace space, ExampleSet examples, int example)
    {
        var row = examples.Gather(example, new());
        var entries = new List<string>();
        for (var entry = 0; entry < row.Length; entry++)
        {
            entries.Add(
                $"{space.Fields[space.ColumnFields[row.Columns[entry]]]}:{space.FactorOf(row.Columns[entry])}:{BitConverter.SingleToInt32Bits(row.ValueAt(entry))}"
            );
        }

        return $"{BitConverter.SingleToInt32Bits(examples.Targets[example])} {string.Join(' ', entries)}";
    }

    private static float Number(RandomSource random)
    {
        var number = BitConverter.UInt32BitsToSingle((uint)random.Next());
        return random.Below(3) switch
        {
            0 => random.Below(10),
            1 => random.Below(1_000) / 100f,
            _ => float.IsFinite(number) ? number : 1,
        };
    }
}
