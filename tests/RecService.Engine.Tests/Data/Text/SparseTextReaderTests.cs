using System.Globalization;
using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;

namespace RecService.Engine.Tests.Data.Text;

public sealed class SparseTextReaderTests
{
    [Theory]
    [InlineData("1 2:3\n4 5:6\n")]
    [InlineData("1 2:3\n4 5:6")]
    [InlineData("1 2:3\r\n4 5:6\r\n")]
    [InlineData("1 2:3\r\n4 5:6\r")]
    [InlineData("1\t2:3\n4\t 5:6")]
    [InlineData(" 1   2:3  \n\t4\t\t5:6\t\r\n")]
    [InlineData("\uFEFF1 2:3\n4 5:6\n")]
    [InlineData("\n\n1 2:3\n \t\n4 5:6\n\r\n\n")]
    [InlineData("# two rows\n1 2:3 # the first\n4 5:6#the second: é 7:8\n#")]
    [InlineData("+1 2:+3\n4.0 5:0.6e1")]
    [InlineData("1e0 0002:3\n4 5:6")]
    public void Rows_are_read_however_they_are_laid_out(string text)
    {
        Rows(text).ShouldBe(["1| 2:3", "4| 5:6"]);
    }

    [Theory]
    [InlineData("1 0:2:3 7:8:0.5\n")]
    [InlineData("1 0:2:3\t7:8:5e-1 # comment\r\n")]
    [InlineData("\uFEFF#\n+1 000:2:3 7:8:.5")]
    public void Entries_may_have_fields(string text)
    {
        Rows(text).ShouldBe(["1| 0:2:3 7:8:0.5"]);
    }

    [Fact]
    public void Rows_may_have_no_entries_and_entries_any_order_and_repeat()
    {
        Rows("1\n-0.5 \n3 9:1 2:0 9:-4\n").ShouldBe(["1|", "-0.5|", "3| 9:1 2:0 9:-4"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("\uFEFF")]
    [InlineData("# nothing")]
    public void A_text_may_have_no_rows(string text)
    {
        Rows(text).ShouldBeEmpty();
    }

    [Fact]
    public void The_largest_numbers_are_read()
    {
        Rows("-3.4028235E+38 65535:2147483645:1E-45").ShouldBe(["-3.4028235E+38| 65535:2147483645:1E-45"]);
    }

    [Fact]
    public void Lines_may_be_much_longer_than_a_buffer()
    {
        var entries = string.Concat(Enumerable.Range(0, 20_000).Select(n => $" {n}:{n % 7}"));
        var text = $"1{entries}\n2 3:4\n5{entries}";

        Rows(text).ShouldBe([$"1|{entries}", "2| 3:4", $"5|{entries}"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1_000)]
    [InlineData(65_536)]
    public void It_does_not_matter_how_many_bytes_a_stream_gives_at_a_time(int most)
    {
        var expected = Enumerable.Range(0, 5_000).Select(n => $"{n}| {n}:{n % 10} {n * 7919 % 100_000}:0.25").ToArray();
        var text = Encoding.UTF8.GetBytes(string.Join("\r\n", expected).Replace("|", string.Empty, StringComparison.Ordinal));

        Rows(new ReluctantStream(new MemoryStream(text), most)).ShouldBe(expected);
    }

    [Theory]
    [InlineData("x 1:2", 1, 1, "the target 'x' is not a number.")]
    [InlineData("1 1:2\n\n  1:2", 3, 3, "the target '1:2' is not a number.")]
    [InlineData("1 1:2\nnan", 2, 1, "the target 'nan' is not a finite number.")]
    [InlineData("1e39", 1, 1, "the target '1e39' is not a finite number.")]
    [InlineData("1,5", 1, 1, "the target '1,5' is not a number.")]
    [InlineData("\uFEFFé", 1, 1, "the target 'é' is not a number.")]
    [InlineData("1 12", 1, 3, "the entry '12' is not of the form index:value.")]
    [InlineData("1 1:1 12:1:1", 1, 7, "the entry '12:1:1' is not of the form index:value.")]
    [InlineData("1 0:1:1 0:12 # 5", 1, 9, "the entry '0:12' is not of the form field:index:value.")]
    [InlineData("1 0:1:1\n2 1:1", 2, 3, "the entry '1:1' is not of the form field:index:value.")]
    [InlineData("1 1:2:3:4", 1, 3, "the entry '1:2:3:4' is not of the form index:value.")]
    [InlineData("1 1:1\t2:", 1, 9, "the value '' is not a number.")]
    [InlineData("1 1: 2", 1, 5, "the value '' is not a number.")]
    [InlineData("1 1 :2", 1, 3, "the entry '1' is not of the form index:value.")]
    [InlineData("1 1:x1", 1, 5, "the value 'x1' is not a number.")]
    [InlineData("1 1:-Infinity", 1, 5, "the value '-Infinity' is not a finite number.")]
    [InlineData("1 0:1:1\r2", 1, 7, "the value '1\uFFFD2' is not a number.")]
    [InlineData("1 -1:1", 1, 3, "the index '-1' is not a whole number from 0 to 2147483645.")]
    [InlineData("1 1:1 2147483646:1", 1, 7, "the index '2147483646' is not a whole number from 0 to 2147483645.")]
    [InlineData("1 0:99999999999999999999:1", 1, 5, "the index '99999999999999999999' is not a whole number from 0 to 2147483645.")]
    [InlineData("1 :1", 1, 3, "the index '' is not a whole number from 0 to 2147483645.")]
    [InlineData("1 65536:1:1", 1, 3, "the field '65536' is not a whole number from 0 to 65535.")]
    [InlineData("1 a:1:1", 1, 3, "the field 'a' is not a whole number from 0 to 65535.")]
    [InlineData("1 qid:3 1:1", 1, 3, "groups of rows (qid) are not supported.")]
    [InlineData("1 1:1 ééééééééééééééééééééééééééééé", 1, 7, "the entry 'éééééééééééééééééééé…' is not of the form index:value.")]
    [InlineData("1 1:1\0", 1, 5, "the value '1\uFFFD' is not a number.")]
    public void What_is_not_understood_is_refused_with_its_place(string text, long line, int column, string reason)
    {
        var refusal = Should.Throw<DataFormatException>(() => Rows(text));

        refusal.Message.ShouldBe($"some.txt({line},{column}): {reason}");
        refusal.Line.ShouldBe(line);
        refusal.Column.ShouldBe(column);
    }

    [Fact]
    public void Text_that_is_not_UTF_8_is_quoted_as_far_as_possible()
    {
        Should
            .Throw<DataFormatException>(() => Rows(new MemoryStream([(byte)'1', (byte)' ', 0xFF, 0xC3])))
            .Message.ShouldBe("some.txt(1,3): the entry '\uFFFD\uFFFD' is not of the form index:value.");
    }

    [Fact]
    public void A_format_that_is_given_is_not_told_by_the_first_entry()
    {
        Should.Throw<DataFormatException>(() => Rows("1 1:1", SparseTextFormat.LibFfm)).Message.ShouldContain("field:index:value");
        Should.Throw<DataFormatException>(() => Rows("1 1:1:1", SparseTextFormat.LibFm)).Message.ShouldContain("form index:value");
        Rows("1 1:1:1", SparseTextFormat.LibFfm).ShouldBe(["1| 1:1:1"]);
    }

    [Fact]
    public void Lines_without_an_end_are_refused_at_some_length()
    {
        using var endless = new EndlessStream();

        var refusal = Should.Throw<DataFormatException>(() => Rows(endless));

        refusal.Message.ShouldBe("some.txt(1,1): the line is longer than 67108864 bytes.");
    }

    [Fact]
    public void Failures_of_the_stream_pass_through()
    {
        using var compressed = new System.IO.Compression.GZipStream(
            new MemoryStream("no such thing"u8.ToArray()),
            System.IO.Compression.CompressionMode.Decompress
        );

        Should.Throw<InvalidDataException>(() => Rows(compressed));
    }

    private static List<string> Rows(string text, SparseTextFormat? format = null) => Rows(new MemoryStream(Encoding.UTF8.GetBytes(text)), format);

    private static List<string> Rows(Stream stream, SparseTextFormat? format = null)
    {
        var rows = new List<string>();
        var reader = new SparseTextReader(stream, "some.txt", format);
        while (reader.Read())
        {
            var row = new StringBuilder($"{reader.Target:R}|");
            for (var entry = 0; entry < reader.Indices.Length; entry++)
            {
                row.Append(reader.Fields.IsEmpty ? " " : $" {reader.Fields[entry]}:");
                row.Append(CultureInfo.InvariantCulture, $"{reader.Indices[entry]}:{reader.Values[entry]:R}");
            }

            rows.Add(row.ToString());
        }

        return rows;
    }

    private sealed class EndlessStream : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)' ');
            return count;
        }
    }
}
