using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data.Text;

public sealed class SparseTextDataTests
{
    [Fact]
    public void The_features_of_a_libfm_file_are_columns_of_one_field()
    {
        var data = Read("5 1:1 4:0.5\n\n-1 0:1 # none\n");

        data.Format.ShouldBe(SparseTextFormat.LibFm);
        data.Space.Fields.ShouldBe(["feature"]);
        data.Space.ColumnCount.ShouldBe(5);
        data.Space.ColumnFactors.IsEmpty.ShouldBeTrue();
        data.Examples.Targets.ShouldBe([5, -1]);
        data.Examples.Blocks[0][0].Columns.ToArray().ShouldBe([1, 4]);
        data.Examples.Blocks[0][0].Values.ToArray().ShouldBe([1, 0.5f]);
        data.Examples.Blocks[0][1].Columns.ToArray().ShouldBe([0]);
        data.UnknownEntries.ShouldBe(0);
    }

    [Fact]
    public void The_features_of_a_libffm_file_have_the_field_that_they_are_first_seen_in()
    {
        var data = Read("1 7:0:1 3:2:1\n0 3:4:1\n");

        data.Format.ShouldBe(SparseTextFormat.LibFfm);
        data.Space.Fields.ShouldBe(["3", "7"]);
        // Indices 1 and 3 do not occur.
        data.Space.ColumnFields.ToArray().ShouldBe([1, 0, 0, 0, 0]);
        data.Space.ColumnFactors.IsEmpty.ShouldBeTrue();
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([0, 2, 4]);
    }

    [Fact]
    public void A_feature_of_several_fields_has_a_column_in_each_and_one_factor_row()
    {
        var data = Read("1 0:1:1 1:1:1\n0 1:0:1 2:1:1 1:1:1 0:1:1\n1 2:1:1 3:2:1\n");

        data.Space.Fields.ShouldBe(["0", "1", "2", "3"]);
        data.Space.ColumnFields.ToArray().ShouldBe([1, 0, 3, 1, 2]);
        data.Space.ColumnFactors.ToArray().ShouldBe([0, 1, 2, 1, 1]);
        data.Space.FactorCount.ShouldBe(3);
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([1, 3, 0, 4, 3, 1, 4, 2]);
        data.Examples.ColumnCount.ShouldBe(5);
    }

    [Fact]
    public void Entries_that_another_space_does_not_know_are_left_out_and_counted()
    {
        var train = Read("1 0:1:1 1:1:1 1:3:1\n");

        var data = Read("2 1:3:0.5 1:1:4 9:1:1 0:3:1 0:4:1\n3 0:1:2\n4 0:77:1\n5", train.Space);

        data.Space.ShouldBeSameAs(train.Space);
        data.UnknownEntries.ShouldBe(4);
        data.Examples.Targets.ShouldBe([2, 3, 4, 5]);
        Describe(data).ShouldBe(["2| 1:3:0.5 1:1:4", "3| 0:1:2", "4|", "5|"]);
        data.Examples.ColumnCount.ShouldBe(train.Space.ColumnCount);
    }

    [Fact]
    public void Indices_beyond_those_of_another_libfm_file_are_left_out_and_counted()
    {
        var data = Read("2 0:1 3:1 2:1 2147483645:9\n", FeatureSpace.OfOneField(3));

        data.UnknownEntries.ShouldBe(2);
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([0, 2]);
        data.Examples.ColumnCount.ShouldBe(3);
    }

    [Fact]
    public void Fields_without_numbers_are_numbered_in_their_order()
    {
        var space = new FeatureSpace(["user", "item", "tag"], [0, 1, 2, 0], [0, 1, 2, 2]);

        var data = Read("1 0:0:1 1:1:1 2:2:1 0:2:1 3:0:1\n", space);

        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([0, 1, 2, 3]);
        data.UnknownEntries.ShouldBe(1);
    }

    [Fact]
    public void An_index_of_a_libfm_file_is_a_column_of_a_space_whose_fields_have_names()
    {
        var space = new FeatureSpace(["user", "tag"], [0, 1, 0], [0, 1, 1]);

        Read("1 0:1 2:1\n", space).Examples.Blocks[0].Columns.ToArray().ShouldBe([0, 2]);
    }

    [Fact]
    public void Entries_without_fields_do_not_fit_a_space_that_a_libffm_file_made()
    {
        var space = Read("1 0:0:1 3:1:1\n").Space;

        Should
            .Throw<DataFormatException>(() => Read("1\n2 0:1\n", space))
            .Message.ShouldBe(
                "some.txt(2,1): the entries have no fields, as in libFM files, but the feature space has the fields 0, 3, as libffm files make it."
            );
    }

    [Fact]
    public void Entries_with_fields_do_not_fit_a_space_that_a_libfm_file_made()
    {
        var space = Read("1 0:1\n").Space;

        Should
            .Throw<DataFormatException>(() => Read("1\n2 0:0:1\n", space))
            .Message.ShouldBe(
                "some.txt(2,1): the entries have fields, as in libffm files, but the feature space has none but 'feature', as libFM files make it."
            );
    }

    [Fact]
    public void A_space_with_two_columns_for_one_entry_is_refused()
    {
        Should.Throw<ArgumentException>(() => new FileColumns(new(["a"], [0, 0], [0, 0]))).Message.ShouldContain("'a' have the factor row 0");
        Should
            .Throw<ArgumentException>(() => new FileColumns(new(["a", "b"], [0, 0, 1, 1], [0, 1, 1, 1])))
            .Message.ShouldContain("'b' have the factor row 1");
    }

    [Fact]
    public void Columns_and_entries_stand_for_each_other()
    {
        var space = RandomExamples.Space([3, 0, 70], 40, shared: true);
        var columns = new FileColumns(space);

        for (var column = 0; column < space.ColumnCount; column++)
        {
            var (field, index) = columns.EntryOf(column);
            columns.Find(field, index).ShouldBe(column);
        }

        foreach (var (field, index) in new[] { (1, 0), (3, 1), (3, 40), (70, -1), (-1, 3), (71, 2), (int.MaxValue, int.MaxValue) })
        {
            columns.Find(field, index).ShouldBe(-1);
        }
    }

    [Theory]
    [InlineData("1 3:1\n1 2:1 4:1 0:1 1:1", "some.txt(2,1): there are more than 4 features; leave rare ones out, or give several of them one index.")]
    [InlineData("1 0:0:1 0:1:1\n\n1 1:1:1 0:2:1 1:2:1", "some.txt(3,1): there are more than 4 features; leave rare ones out, or give several of them one index.")]
    public void A_file_may_not_have_more_features_than_the_limit(string text, string message)
    {
        Should.Throw<DataFormatException>(() => Read(text, columnLimit: 4)).Message.ShouldBe(message);
    }

    [Fact]
    public void The_limit_may_be_reached()
    {
        Read("1 0:0:1 1:0:1 0:1:1 1:2:1", columnLimit: 4).Space.ColumnCount.ShouldBe(4);
        Read("1 2147483645:1 2:1 5:1 70000:1", columnLimit: 4).Space.ColumnCount.ShouldBe(4);
        Should.Throw<ArgumentOutOfRangeException>(() => Read("1", columnLimit: (1 << 30) + 1));
    }

    [Fact]
    public void Of_indices_that_reach_far_those_that_occur_have_columns_in_their_order()
    {
        const string Text = "1 2000000000:1 7:2\n2 30000000:1 7:1 65536:4\n";
        var data = Read(Text);

        data.Space.FactorIndices.ToArray().ShouldBe([7, 65536, 30000000, 2000000000]);
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([3, 0, 2, 0, 1]);
        Written(data, SparseTextFormat.LibFm).ShouldBe(Text);
        var other = Read("3 7:1 8:1 2000000000:5\n", data.Space);
        other.Examples.Blocks[0].Columns.ToArray().ShouldBe([0, 3]);
        other.UnknownEntries.ShouldBe(1);
    }

    [Fact]
    public void The_same_of_files_with_fields_where_a_feature_stands_in_two()
    {
        const string Text = "1 4:2000000000:1 0:7:1\n2 0:2000000000:1 4:900000:1\n";
        var data = Read(Text);
        var columns = new FileColumns(data.Space);

        data.Space.Fields.ShouldBe(["0", "4"]);
        data.Space.FactorIndices.ToArray().ShouldBe([7, 900000, 2000000000]);
        data.Space.ColumnFields.ToArray().ShouldBe([0, 1, 1, 0]);
        data.Space.ColumnFactors.ToArray().ShouldBe([0, 1, 2, 2]);
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe([2, 0, 3, 1]);
        columns.EntryOf(3).ShouldBe((0, 2000000000));
        columns.Find(0, 2000000000).ShouldBe(3);
        columns.Find(4, 7).ShouldBe(-1);
        columns.Find(4, 8).ShouldBe(-1);
        Written(data, SparseTextFormat.LibFfm).ShouldBe(Text);
    }

    [Fact]
    public void Dense_indices_are_columns_however_they_come()
    {
        var random = new Random(1);
        int[] indices = [.. Enumerable.Range(0, 200_000)];
        random.Shuffle(indices);
        var data = Read(string.Concat(indices.Chunk(100).Select(row => "1" + string.Concat(row.Select(index => $" {index}:1")) + "\n")));

        data.Space.FactorIndices.IsEmpty.ShouldBeTrue();
        data.Space.ColumnCount.ShouldBe(200_000);
        data.Examples.Blocks[0].Columns.ToArray().ShouldBe(indices);
    }

    [Fact]
    public void Sparse_indices_in_their_thousands_are_told_apart()
    {
        var random = new Random(1);
        int[] indices = [.. Enumerable.Range(0, 100_000).Select(_ => random.Next(1 << 30)).Distinct()];
        var data = Read(string.Concat(indices.Chunk(100).Select(row => "1" + string.Concat(row.Select(index => $" {index}:1")) + "\n")));

        data.Space.ColumnCount.ShouldBe(indices.Length);
        data.Examples.Blocks[0].Columns.ToArray().Select(column => data.Space.FactorIndices[column]).ShouldBe(indices);
    }

    [Theory]
    [InlineData("", null, SparseTextFormat.LibFm)]
    [InlineData("1\n2\n", null, SparseTextFormat.LibFm)]
    [InlineData("1\n2\n", SparseTextFormat.LibFfm, SparseTextFormat.LibFfm)]
    public void Without_entries_there_are_no_columns(string text, SparseTextFormat? given, SparseTextFormat format)
    {
        var data = Read(text, format: given);

        data.Format.ShouldBe(format);
        data.Space.ColumnCount.ShouldBe(0);
        data.Examples.Count.ShouldBe(text.Length / 2);
        data.Examples.Blocks[0].Width.ShouldBe(0);
    }

    [Fact]
    public void A_file_of_numbers_has_them_as_targets()
    {
        Read("0.5\n2\n\n1e-3\n").Examples.Targets.ShouldBe([0.5f, 2, 1e-3f]);
    }

    [Theory]
    [InlineData(SparseTextFormat.LibFm, false)]
    [InlineData(SparseTextFormat.LibFfm, false)]
    [InlineData(SparseTextFormat.LibFfm, true)]
    public void What_was_written_reads_back_the_same(SparseTextFormat format, bool shared)
    {
        var random = new RandomSource(21);
        for (var n = 0; n < 50; n++)
        {
            var space =
                format == SparseTextFormat.LibFm
                    ? FeatureSpace.OfOneField(1 + random.Below(60))
                    : RandomExamples.Space([65_535, 3, 10], 1 + random.Below(60), shared);
            var examples = RandomExamples.Examples(space, 1 + random.Below(60), random, values: n % 2 == 0);
            var text = RandomExamples.Write(space, examples, format);

            var own = Read(text, null, n % 3 == 0);
            var against = Read(text, space, n % 3 == 0);

            own.Format.ShouldBe(format);
            own.Space.ColumnCount.ShouldBe(space.ColumnCount);
            own.Space.FactorCount.ShouldBe(space.FactorCount);
            against.UnknownEntries.ShouldBe(0);
            for (var example = 0; example < examples.Count; example++)
            {
                var expected = RandomExamples.Describe(space, examples, example);
                RandomExamples.Describe(own.Space, own.Examples, example).ShouldBe(expected);
                RandomExamples.Describe(space, against.Examples, example).ShouldBe(expected);
                against.Examples.Blocks[0][example].Columns.SequenceEqual(examples.Blocks[0][example].Columns).ShouldBeTrue();
            }

            RandomExamples.Write(own.Space, own.Examples, format).ShouldBe(text);
        }
    }

    [Fact]
    public void Examples_of_several_blocks_are_written_as_joined_rows()
    {
        var space = new FeatureSpace(["user", "item"], [0, 0, 1, 1]);
        var (users, items) = (new SparseRowsBuilder(), new SparseRowsBuilder());
        foreach (var user in new[] { 0, 1 })
        {
            users.Add(user);
            users.EndRow();
            items.Add(user + 2, 0.5f);
            items.EndRow();
        }

        var examples = new ExampleSet(
            [users.Build(), items.Build()],
            [
                [1, 0, 1],
                [0, 0, 1],
            ],
            [1, 2, 3]
        );

        Encoding
            .UTF8.GetString(RandomExamples.Write(space, examples, SparseTextFormat.LibFfm))
            .ShouldBe("1 0:1:1 1:2:0.5\n2 0:0:1 1:2:0.5\n3 0:1:1 1:3:0.5\n");
        Encoding.UTF8.GetString(RandomExamples.Write(space, examples, SparseTextFormat.LibFm)).ShouldBe("1 1:1 2:0.5\n2 0:1 2:0.5\n3 1:1 3:0.5\n");
    }

    [Fact]
    public void Weights_are_not_lost_silently_in_text()
    {
        var examples = new ExampleSet(new SparseRowsBuilder().Build(), [], []);

        Should
            .Throw<ArgumentException>(() => RandomExamples.Write(FeatureSpace.OfOneField(1), examples, SparseTextFormat.LibFm))
            .Message.ShouldContain("weights");
    }

    [Fact]
    public void Columns_outside_the_space_are_not_written()
    {
        var rows = new SparseRowsBuilder();
        rows.Add(3);
        rows.EndRow();

        Should
            .Throw<ArgumentException>(() => RandomExamples.Write(FeatureSpace.OfOneField(3), new(rows.Build(), [1]), SparseTextFormat.LibFm))
            .Message.ShouldContain("4 columns");
    }

    [Fact]
    public void A_file_takes_little_more_memory_than_its_examples()
    {
        const int Rows = 100_000;
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, Rows).Select(n => $"{n % 5} 0:{n % 3000}:1 1:{3000 + (n % 700)}:1\n")));
        var least = Enumerable.Range(0, 5).Min(_ => Allocated(text));

        // A target and two columns a row, 3,700 columns as they come and as they are, and two buffers of 64 KiB.
        least.ShouldBeLessThan((12 * Rows) + 300_000);

        // The first readings may be by code that is not yet compiled for speed, and takes memory that the other does not.
        static long Allocated(byte[] text)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Read(text, null, false).Examples.Count.ShouldBe(Rows);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Counting_starts_where_the_stream_stands()
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes("a header\n1 2:3\n"));
        stream.Position = 9;

        SparseTextData.Read(stream, "some.txt").Examples.Targets.ShouldBe([1]);
    }

    private static SparseTextData Read(string text, FeatureSpace space) => Read(Encoding.UTF8.GetBytes(text), space, false);

    private static string Written(SparseTextData data, SparseTextFormat format)
    {
        using var stream = new MemoryStream();
        SparseTextWriter.Write(stream, data.Space, data.Examples, format);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static SparseTextData Read(string text, SparseTextFormat? format = null, int columnLimit = SparseTextData.DefaultColumnLimit) =>
        SparseTextData.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "some.txt", format, columnLimit);

    private static SparseTextData Read(byte[] text, FeatureSpace? space, bool reluctantly)
    {
        using var memory = new MemoryStream(text);
        using Stream stream = reluctantly ? new ReluctantStream(memory) : memory;
        return space is null ? SparseTextData.Read(stream, "some.txt") : SparseTextData.Read(stream, "some.txt", space);
    }

    private static IEnumerable<string> Describe(SparseTextData data)
    {
        var text = Encoding.UTF8.GetString(RandomExamples.Write(data.Space, data.Examples, data.Format));
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line =>
                line.Contains(' ', StringComparison.Ordinal) ? line.Insert(line.IndexOf(' ', StringComparison.Ordinal), "|") : line + "|"
            );
    }
}
