using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;
using RecService.Engine.Files;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data;

/// <summary>
/// Files that were changed at random: each is read or refused with <see cref="DataFormatException"/>, and what is read keeps what the engine relies
/// on.
/// </summary>
public sealed class FileFuzzTests
{
    private const int Mutations = 10_000;

    private static readonly byte[][] Fragments =
    [
        .. new[]
        {
            "99999999999999999999",
            "2147483645",
            "-1",
            "1e39",
            "1e-50",
            "NaN",
            "0:1:1",
            "1:1",
            ":",
            "::",
            " ",
            "\t",
            "\n",
            "\r",
            "\r\n\r\n",
            "#",
            "\0",
            "qid:1",
            "\uFEFF",
            "é",
            ".",
            "+-",
            "0000000000000000000000000001",
            "0.000000000000000000000000000000000000000000001",
            "1e",
            "65536:",
            "4096:1",
            "\uFFFF",
            "null",
            "-5",
            "[]",
            "{}",
            "\"a\"",
            "true",
            "2000000000",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF],
        [0xC3, 0x28],
        [0xED, 0xA0, 0x80],
        [0, 0, 0x80, 0x7F],
        [0xFF, 0xFF, 0xFF, 0x7F],
        [0, 0, 0, 0x80],
    ];

    [Theory]
    [InlineData(SparseTextFormat.LibFm, 1)]
    [InlineData(SparseTextFormat.LibFfm, 2)]
    public void Changed_texts_are_read_or_refused(SparseTextFormat format, ulong seed)
    {
        var random = new RandomSource(seed);
        var space = format == SparseTextFormat.LibFm ? FeatureSpace.OfOneField(50) : RandomExamples.Space([0, 1, 7], 50, shared: true);
        byte[][] texts =
        [
            .. Enumerable
                .Range(1, 20)
                .Select(count => RandomExamples.Write(space, RandomExamples.Examples(space, count, random, count % 2 == 0), format)),
        ];
        var read = 0;
        for (var n = 0; n < Mutations; n++)
        {
            var text = Mutate(texts[n % texts.Length], random);
            SparseTextData? Read(Func<Stream, SparseTextData> read)
            {
                using var memory = new MemoryStream(text);
                using Stream stream = n % 3 == 0 ? new ReluctantStream(memory, 1 + random.Below(100)) : memory;
                try
                {
                    return read(stream);
                }
                catch (DataFormatException refusal)
                {
                    refusal.Message.ShouldStartWith($"fuzz({refusal.Line},{refusal.Column}): ");
                    return null;
                }
            }

            foreach (
                var data in (SparseTextData?[])
                    [Read(s => SparseTextData.Read(s, "fuzz", columnLimit: 5_000)), Read(s => SparseTextData.Read(s, "fuzz", space))]
            )
            {
                if (data is null)
                {
                    continue;
                }

                read++;
                ShouldBeSound(data.Space, data.Examples);
                // What was understood says the same when it is written and read again.
                var again = SparseTextData.Read(
                    new MemoryStream(RandomExamples.Write(data.Space, data.Examples, data.Format)),
                    "again",
                    data.Space,
                    data.Format
                );
                for (var example = 0; example < data.Examples.Count; example++)
                {
                    RandomExamples
                        .Describe(again.Space, again.Examples, example)
                        .ShouldBe(RandomExamples.Describe(data.Space, data.Examples, example));
                }
            }
        }

        // Else the mutations would test nothing but the first line.
        read.ShouldBeInRange(Mutations / 20, 2 * Mutations);
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 4)]
    public void Changed_data_files_are_read_or_refused(bool changedBeforeSealing, ulong seed)
    {
        var random = new RandomSource(seed);
        byte[][] files =
        [
            .. Enumerable
                .Range(1, 20)
                .Select(count =>
                {
                    var space = RandomExamples.Space([0, 1, 7], 20, shared: count % 2 == 0);
                    return RandomExamples.Save(space, RandomExamples.Examples(space, count, random, values: count % 3 == 0));
                }),
        ];
        var read = 0;
        for (var n = 0; n < Mutations; n++)
        {
            var file = files[n % files.Length];
            try
            {
                using var stream = new MemoryStream(changedBeforeSealing ? Seal(file, Mutate(Unseal(file), random)) : Mutate(file, random));
                var (space, examples) = ExampleFile.Load(stream);
                read++;
                ShouldBeSound(space, examples);
            }
            catch (DataFormatException)
            {
                // As it should be.
            }
        }

        // The checksums let no change through; behind them, a change of a number may be as good as the number.
        read.ShouldBeInRange(changedBeforeSealing ? Mutations / 100 : 0, changedBeforeSealing ? Mutations : 0);
    }

    private static void ShouldBeSound(FeatureSpace space, ExampleSet examples)
    {
        examples.ColumnCount.ShouldBeLessThanOrEqualTo(space.ColumnCount);
        var row = new RowBuffer();
        var sound = true;
        // A block without entries may have any number of rows.
        for (var example = 0; example < Math.Min(examples.Count, 1_000); example++)
        {
            var entries = examples.Gather(example, row);
            sound &= float.IsFinite(examples.Targets[example]);
            for (var entry = 0; entry < entries.Length; entry++)
            {
                var column = entries.Columns[entry];
                sound &=
                    column >= 0 && column < space.ColumnCount && float.IsFinite(entries.ValueAt(entry)) && space.FactorOf(column) < space.FactorCount;
            }
        }

        sound.ShouldBeTrue();
    }

    private static byte[] Mutate(byte[] original, RandomSource random)
    {
        var bytes = original.ToList();
        for (var changes = 1 + random.Below(3); changes > 0 || bytes.SequenceEqual(original); changes--)
        {
            var at = random.Below(bytes.Count + 1);
            var length = Math.Min(1 + random.Below(12), bytes.Count - at);
            var fragment = Fragments[random.Below(Fragments.Length)];
            switch (random.Below(7))
            {
                case 0 when length > 0:
                    bytes[at] ^= (byte)(1 << random.Below(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, fragment);
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    bytes.InsertRange(at, fragment);
                    break;
                case 4:
                    bytes.InsertRange(random.Below(bytes.Count + 1), bytes.GetRange(at, length));
                    break;
                case 5 when random.Below(4) == 0: // rarely, because the changes behind it are lost
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 6 when length > 0:
                    bytes[at] = (byte)random.Next();
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] Unseal(byte[] file)
    {
        using var stream = new MemoryStream(file[12..]);
        using var content = new ChecksumReadStream(stream, file.AsSpan(0, 12), what => new InvalidDataException(what));
        using var all = new MemoryStream();
        content.CopyTo(all);
        return all.ToArray();
    }

    private static byte[] Seal(byte[] file, byte[] content)
    {
        using var stream = new MemoryStream();
        using var writer = new ChecksumWriteStream(stream, file.AsSpan(0, 12));
        writer.Write(content);
        writer.Complete();
        return stream.ToArray();
    }
}
