using System.Buffers.Binary;
using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Files;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data;

public sealed class ExampleFileTests
{
    private const int PrefixLength = 12;

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(true, true, false)]
    public void A_data_set_comes_back_as_it_was(bool shared, bool values, bool weights)
    {
        var random = new RandomSource(31);
        var space = RandomExamples.Space([0, 5], 300, shared);
        var rows = RandomExamples.Examples(space, 200, random, values).Blocks[0];
        var examples = new ExampleSet(rows, Floats(200, random), weights ? [.. Floats(200, random).Select(MathF.Abs)] : null);

        ShouldBeSame(Load(RandomExamples.Save(space, examples)), space, examples);
    }

    [Fact]
    public void Rows_of_one_length_and_examples_of_several_blocks_come_back_too()
    {
        var (users, items) = (new SparseRowsBuilder(40), new SparseRowsBuilder(60));
        for (var row = 0; row < 20; row++)
        {
            users.Add(row);
            users.Add(20 + (row % 20));
            users.EndRow();
            items.Add(40 + row, row);
            items.EndRow();
        }

        var random = new RandomSource(32);
        var space = new FeatureSpace(["user", "item"], [.. Enumerable.Range(0, 60).Select(column => column / 40)]);
        int[] RowsOf(int count) => [.. Enumerable.Range(0, 500).Select(_ => random.Below(count))];
        var examples = new ExampleSet([users.Build(), items.Build()], [RowsOf(20), RowsOf(20)], Floats(500, random));

        var loaded = Load(RandomExamples.Save(space, examples));

        ShouldBeSame(loaded, space, examples);
        loaded.Examples.Blocks[0].Width.ShouldBe(2);
    }

    [Fact]
    public void There_may_be_no_examples()
    {
        var space = FeatureSpace.OfOneField(0);
        var examples = new ExampleSet(new SparseRowsBuilder().Build(), []);

        ShouldBeSame(Load(RandomExamples.Save(space, examples)), space, examples);
    }

    [Fact]
    public void Large_sets_go_through_streams_that_cannot_seek_and_read_little_at_a_time()
    {
        // More numbers than are allocated at first where the length of the stream is not known.
        const int Rows = 1_200_000;
        var builder = new SparseRowsBuilder();
        for (var row = 0; row < Rows; row++)
        {
            builder.Add(row % 1_000);
            builder.EndRow();
        }

        var examples = new ExampleSet(builder.Build(), Floats(Rows, new(33)));
        var space = FeatureSpace.OfOneField(1_000);
        using var file = new MemoryStream();
        using var reluctant = new ReluctantStream(file, 50_000);
        ExampleFile.Save(reluctant, space, examples);
        file.Position = 0;

        ShouldBeSame(ExampleFile.Load(reluctant), space, examples);
        file.CanWrite.ShouldBeTrue();
    }

    [Fact]
    public void A_seekable_file_takes_no_more_memory_than_its_examples()
    {
        const int Rows = 2_000_000;
        var builder = new SparseRowsBuilder();
        builder.Reserve(Rows, Rows);
        for (var row = 0; row < Rows; row++)
        {
            builder.Add(row % 1_000);
            builder.EndRow();
        }

        var file = RandomExamples.Save(FeatureSpace.OfOneField(1_000), new(builder.Build(), new float[Rows]));
        Load(file);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Load(file).Examples.Count.ShouldBe(Rows);

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan((8 * Rows) + 200_000);
    }

    [Fact]
    public void A_space_that_is_wanted_is_given_back()
    {
        var space = RandomExamples.Space([0, 1], 10, shared: true);
        var file = RandomExamples.Save(RandomExamples.Space([0, 1], 10, shared: true), RandomExamples.Examples(space, 5, new(34)));

        Load(file, space).Space.ShouldBeSameAs(space);
    }

    [Fact]
    public void A_file_of_another_space_than_is_wanted_is_refused()
    {
        var space = RandomExamples.Space([0, 1], 10, shared: true);
        var file = RandomExamples.Save(space, RandomExamples.Examples(space, 5, new(35)));

        Refusal(file, RandomExamples.Space([0, 2], 10, shared: true)).ShouldContain("feature space");
        Refusal(file, RandomExamples.Space([0, 1], 10, shared: false)).ShouldContain("feature space");
        Refusal(file, RandomExamples.Space([0, 1], 11, shared: true)).ShouldContain("feature space");
    }

    [Fact]
    public void Columns_outside_the_space_are_not_written()
    {
        var space = FeatureSpace.OfOneField(3);

        Should
            .Throw<ArgumentException>(() => RandomExamples.Save(FeatureSpace.OfOneField(2), RandomExamples.Examples(space, 3, new(36))))
            .Message.ShouldContain("3 columns");
    }

    [Fact]
    public void Every_changed_byte_and_every_truncation_is_detected()
    {
        var space = RandomExamples.Space([0, 1], 20, shared: true);
        var file = RandomExamples.Save(space, RandomExamples.Examples(space, 10, new(37)));
        for (var at = 0; at < file.Length; at++)
        {
            Refusal(file[..at]);
            file[at] ^= 0x20;
            Refusal(file);
            file[at] ^= 0x20;
        }

        Load(file);
    }

    [Fact]
    public void Messages_say_what_is_wrong()
    {
        var space = FeatureSpace.OfOneField(3);
        var file = RandomExamples.Save(space, RandomExamples.Examples(space, 3, new(38)));
        var newer = file.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(newer.AsSpan(8), 3);
        var damaged = file.ToArray();
        damaged[^100] ^= 1;

        Refusal([]).ShouldBe("There is no data file: the stream is empty.");
        Refusal("1 2:3 and so on"u8.ToArray()).ShouldBe("This is no data file: it begins differently.");
        Refusal(newer).ShouldBe("The data file has format version 3; this program reads versions 1 to 2.");
        Refusal(file[..^1]).ShouldContain("truncated");
        Refusal(damaged).ShouldContain("damaged");
        Refusal([.. file, .. file]).ShouldContain("follows");
    }

    [Theory]
    [InlineData(Header, new[] { 0 }, "end of the stream")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 1, 1, 1 }, null)]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 2, 1, 1 }, "as announced")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 1, 2, 1 }, "as announced")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 1, 1, 1, 1 }, "as announced")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 1, 1, 2 }, "none of the 2 columns")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 1, 1, -1 }, "none of the 2 columns")]
    [InlineData(Header, new[] { 0, 1 }, "field 1")]
    [InlineData(Header, new[] { 0, 0, 0x7FC00000, 0, 0, 1, 1, 1 }, "targets must be finite")]
    [InlineData(Header, new[] { 0, 0, 0, 0, 0, 1, 1, 1, 5 }, "more than its header announces")]
    [InlineData(
        """{"examples":1,"weights":true,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[{"rows":1,"columns":0,"entries":0,"offsets":false,"values":false,"exampleRows":false}]}""",
        new[] { 0, -1 },
        "not negative|finite"
    )]
    [InlineData(
        """{"examples":1,"weights":false,"fields":["a"],"columns":1,"columnFactors":false,"blocks":[{"rows":1,"columns":1,"entries":1,"offsets":false,"values":true,"exampleRows":false}]}""",
        new[] { 0, 0, 0, 0x7F800000 },
        "value is not finite"
    )]
    [InlineData(
        """{"examples":1,"weights":false,"fields":["a"],"columns":1,"columnFactors":false,"blocks":[{"rows":2,"columns":1,"entries":3,"offsets":false,"values":false,"exampleRows":true}]}""",
        new[] { 0, 0, 0, 0, 0, 0 },
        "as announced"
    )]
    [InlineData(
        """{"examples":1,"weights":false,"fields":["a"],"columns":1,"columnFactors":false,"blocks":[{"rows":1,"columns":2,"entries":1,"offsets":false,"values":false,"exampleRows":false}]}""",
        new[] { 0, 0, 1 },
        "2 columns; the space has 1"
    )]
    [InlineData(
        """{"examples":1,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[{"rows":1,"columns":0,"entries":0,"offsets":false,"values":false,"exampleRows":true}]}""",
        new[] { 0, 1 },
        "row 1"
    )]
    [InlineData(
        """{"examples":2000000000,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[]}""",
        new int[0],
        "end of the stream"
    )]
    [InlineData("""{"examples":-1,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[]}""", new int[0], "-1 rows")]
    [InlineData("""{"examples":0,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[]}""", new int[0], "0 blocks")]
    [InlineData("""{"examples":0,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[null]}""", new int[0], "is null")]
    [InlineData("""{"examples":0,"weights":false,"fields":[null],"columns":0,"columnFactors":false,"blocks":[]}""", new int[0], "is null")]
    [InlineData(
        """{"examples":0,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[{"rows":2147483647,"columns":0,"entries":0,"offsets":true,"values":false,"exampleRows":true}]}""",
        new int[0],
        "overflow"
    )]
    [InlineData(
        """{"examples":0,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[{"rows":-1,"columns":0,"entries":0,"offsets":false,"values":false,"exampleRows":true}]}""",
        new int[0],
        "as announced"
    )]
    [InlineData(
        """{"examples":0,"weights":false,"fields":["a"],"columns":0,"columnFactors":false,"blocks":[{"rows":0,"columns":-1,"entries":0,"offsets":false,"values":false,"exampleRows":true}]}""",
        new int[0],
        "none of the -1 columns"
    )]
    [InlineData("null", new int[0], "null")]
    [InlineData("{", new int[0], "fit together")]
    public void Sealed_content_that_does_not_fit_together_is_refused_without_much_memory(string header, int[] numbers, string? reason)
    {
        using var file = new MemoryStream();
        using (
            var content = new ChecksumWriteStream(
                file,
                RandomExamples.Save(FeatureSpace.OfOneField(0), new(new SparseRowsBuilder().Build(), [])).AsSpan(0, PrefixLength)
            )
        )
        using (var writer = new BinaryWriter(content))
        {
            writer.Write(Encoding.UTF8.GetByteCount(header));
            writer.Write(Encoding.UTF8.GetBytes(header));
            writer.WriteNumbers(numbers);
            writer.Flush();
            content.Complete();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();

        if (reason is null)
        {
            Load(file.ToArray());
        }
        else
        {
            Refusal(file.ToArray()).ShouldMatch(reason);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(16L << 20);
    }

    private const string Header =
        """{"examples":2,"weights":false,"fields":["a"],"columns":2,"columnFactors":false,"blocks":[{"rows":2,"columns":2,"entries":1,"offsets":true,"values":false,"exampleRows":false}]}""";

    private static (FeatureSpace Space, ExampleSet Examples) Load(byte[] file, FeatureSpace? space = null)
    {
        using var stream = new MemoryStream(file, writable: false);
        return ExampleFile.Load(stream, space);
    }

    private static string Refusal(byte[] file, FeatureSpace? space = null) => Should.Throw<DataFormatException>(() => Load(file, space)).Message;

    private static float[] Floats(int count, RandomSource random) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextNormal())];

    private static void ShouldBeSame((FeatureSpace Space, ExampleSet Examples) actual, FeatureSpace space, ExampleSet examples)
    {
        actual.Space.HasSameColumnsAs(space).ShouldBeTrue();
        actual.Examples.Targets.AsSpan().SequenceEqual(examples.Targets).ShouldBeTrue();
        (actual.Examples.Weights is null).ShouldBe(examples.Weights is null);
        actual.Examples.Weights.AsSpan().SequenceEqual(examples.Weights).ShouldBeTrue();
        actual.Examples.Blocks.Count.ShouldBe(examples.Blocks.Count);
        for (var block = 0; block < examples.Blocks.Count; block++)
        {
            (actual.Examples.Rows[block] is null).ShouldBe(examples.Rows[block] is null);
            actual.Examples.Rows[block].AsSpan().SequenceEqual(examples.Rows[block]).ShouldBeTrue();
            var (rows, expected) = (actual.Examples.Blocks[block], examples.Blocks[block]);
            (rows.Count, rows.ColumnCount, rows.Width).ShouldBe((expected.Count, expected.ColumnCount, expected.Width));
            rows.Offsets.SequenceEqual(expected.Offsets).ShouldBeTrue();
            rows.Columns.SequenceEqual(expected.Columns).ShouldBeTrue();
            rows.Values.SequenceEqual(expected.Values).ShouldBeTrue();
        }
    }
}
