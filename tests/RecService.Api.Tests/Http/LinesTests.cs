using System.IO.Pipelines;
using System.Text;
using RecService.Api.Http.Bulk;

namespace RecService.Api.Tests.Http;

public sealed class LinesTests
{
    [Theory]
    [InlineData(100)]
    [InlineData(4_096)]
    [InlineData(1_000_000)]
    public async Task Lines_are_numbered_and_those_after_one_that_is_too_long_are_read_however_they_come(int pieceSize)
    {
        var text = $"\uFEFFfirst\n\n  third\r\n{new string('x', 3 * Lines.MaxLength)}\nfifth\n{new string('y', Lines.MaxLength)}\nlast";

        var lines = await ReadAsync(Encoding.UTF8.GetBytes(text), pieceSize);

        lines.ShouldBe(["1 first", "3 third", "4 too long", "5 fifth", $"6 {new string('y', Lines.MaxLength)}", "7 last"]);
    }

    [Fact]
    public async Task A_last_line_that_is_too_long_is_told_also_without_an_end()
    {
        (await ReadAsync(Encoding.UTF8.GetBytes("a\n" + new string('x', Lines.MaxLength + 1)), 4_096)).ShouldBe(["1 a", "2 too long"]);
        (await ReadAsync("a\n"u8.ToArray(), 100)).ShouldBe(["1 a"]);
        (await ReadAsync([], 100)).ShouldBeEmpty();
    }

    private static async Task<List<string>> ReadAsync(byte[] bytes, int pieceSize)
    {
        var reader = PipeReader.Create(new MemoryStream(bytes), new(bufferSize: pieceSize, minimumReadSize: 1));
        var lines = new List<string>();
        await foreach (var line in Lines.ReadAsync(reader, CancellationToken.None))
        {
            lines.Add($"{line.Number} {(line.TooLong ? "too long" : Encoding.UTF8.GetString(line.Text.Span))}");
        }

        return lines;
    }
}
