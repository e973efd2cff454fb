using System.IO.Compression;

namespace RecService.Engine.Tests.Cli;

public sealed class InputFileTests : CliTest
{
    private static readonly string Rows = string.Concat(
        Enumerable.Range(0, 20_000).Select(row => $"{row % 5} 0:{row * 7919 % 1013}:1 1:{2000 + (row * 104_729 % 997)}:1\n")
    );

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(30_000)]
    public async Task A_gzip_file_that_is_cut_short_is_refused(int missing)
    {
        var whole = Gzip(Rows);
        File.WriteAllBytes(PathOf("rows"), whole[..^missing]);

        (await FailureAsync(1, "train", "--train", PathOf("rows"))).ShouldContain("rows: the file ends before its gzip stream does");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(20)]
    public async Task So_is_one_of_which_there_is_only_the_beginning(int length)
    {
        File.WriteAllBytes(PathOf("rows"), Gzip(Rows)[..length]);

        (await FailureAsync(1, "train", "--train", PathOf("rows"))).ShouldContain("rows: the file ends before its gzip stream does");
        (await FailureAsync(1, "rank", "--train", PathOf("rows"), "--test", PathOf("rows"))).ShouldContain(
            "rows: the file ends before its gzip stream does"
        );
        (await FailureAsync(1, "evaluate", "--model", PathOf("rows"), "--data", PathOf("rows"))).ShouldContain(
            "rows: the file ends before its gzip stream does"
        );
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-8)]
    [InlineData(-4)]
    public async Task A_damaged_gzip_file_is_refused(int place)
    {
        var bytes = Gzip(Rows);
        bytes[place < 0 ? bytes.Length + place : place] ^= 0xFF;
        File.WriteAllBytes(PathOf("rows"), bytes);

        (await FailureAsync(1, "train", "--train", PathOf("rows"))).ShouldContain("rows: its gzip stream is damaged");
    }

    [Fact]
    public async Task Gzip_files_one_after_the_other_are_one()
    {
        File.WriteAllBytes(PathOf("rows"), [.. Gzip(Rows), .. Gzip(Rows), .. Gzip("1 0:3:1\n")]);

        (await ReportAsync("train", "--train", PathOf("rows"), "--epochs", "1"))["rows"]!["train"]!.GetValue<int>().ShouldBe(40_001);
    }

    [Fact]
    public async Task What_comes_through_a_pipe_is_told_by_its_content_too()
    {
        var rows = Write("rows.ffm", Rows);
        await OutputAsync("convert", "--in", rows, "--out", PathOf("rows.cache"));
        await OutputAsync("train", "--train", rows, "--epochs", "1", "--model", PathOf("model.rfm"));
        await OutputAsync("convert", "--in", PathOf("model.rfm"), "--out", PathOf("model.safetensors"));
        var expected = await OutputAsync("predict", "--model", PathOf("model.rfm"), "--data", rows);

        foreach (var data in new[] { File.ReadAllBytes(PathOf("rows.cache")), Gzip(Rows), File.ReadAllBytes(rows) })
        {
            (await PipeAsync(data, "predict", "--model", PathOf("model.rfm"), "--data", "-")).ShouldBe(expected);
        }

        foreach (var model in new[] { "model.rfm", "model.safetensors" })
        {
            (await PipeAsync(File.ReadAllBytes(PathOf(model)), "predict", "--model", "-", "--data", rows)).ShouldBe(expected);
        }

        await PipeAsync(File.ReadAllBytes(PathOf("model.rfm")), "convert", "--in", "-", "--out", PathOf("again.rfm"));
        File.ReadAllBytes(PathOf("again.rfm")).ShouldBe(File.ReadAllBytes(PathOf("model.rfm")));
    }

    private static async Task<string> PipeAsync(byte[] input, params string[] args)
    {
        var result = await RunWithInputAsync(new ReluctantStream(new MemoryStream(input)), args);
        result.Status.ShouldBe(0, result.Error);
        return result.Output;
    }

    private static byte[] Gzip(string text)
    {
        var bytes = new MemoryStream();
        using (var compressed = new GZipStream(bytes, CompressionLevel.Fastest))
        {
            compressed.Write(System.Text.Encoding.UTF8.GetBytes(text));
        }

        return bytes.ToArray();
    }
}
