namespace RecService.Engine.Tests.Cli;

public sealed class OutputFileTests : CliTest
{
    private const string Rows = "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n";

    [Fact]
    public async Task A_command_that_fails_leaves_what_was_there_and_nothing_beside_it()
    {
        var rows = Write("rows.ffm", Rows);
        var model = Write("model.rfm", "former");
        var before = Names();

        await FailureAsync(1, "train", "--train", rows, "--rate", "1e30", "--epochs", "50", "--model", model, "--state", PathOf("new.state"));
        await FailureAsync(1, "predict", "--model", model, "--data", rows, "--out", rows);

        Names().ShouldBe(before);
        File.ReadAllText(model).ShouldBe("former");
        File.ReadAllText(rows).ShouldBe(Rows);
    }

    [Fact]
    public async Task A_file_takes_the_place_of_a_former_one_and_a_link_stays_a_link()
    {
        var rows = Write("rows.ffm", Rows);
        var (first, second, link) = (Write("first.rfm", "former"), Write("second.rfm", "former"), PathOf("link.rfm"));
        File.CreateSymbolicLink(link, second);
        var before = Names();

        await OutputAsync("train", "--train", rows, "--epochs", "1", "--model", first);
        await OutputAsync("train", "--train", rows, "--epochs", "1", "--model", link);

        Names().ShouldBe(before);
        File.ReadAllBytes(second).ShouldBe(File.ReadAllBytes(first));
        new FileInfo(link).LinkTarget.ShouldBe(second);
    }

    [Fact]
    public async Task What_cannot_be_written_is_said_before_anything_is_read()
    {
        Directory.CreateDirectory(PathOf("folder.rfm"));
        string[] args = ["train", "--train", PathOf("absent.ffm")];

        (await FailureAsync(1, [.. args, "--model", PathOf("folder.rfm")])).ShouldContain("folder.rfm is a folder");
        (await FailureAsync(1, [.. args, "--state", PathOf("absent/a.state")])).ShouldContain("there is no folder");
        (await FailureAsync(1, [.. args, "--model", PathOf("a.rfm"), "--state", PathOf("./a.rfm")])).ShouldContain(
            "--model and --state are the same file"
        );
        (await FailureAsync(1, "generate", "--fields", "3", "--out", PathOf("a.ffm"), "--test-out", PathOf("a.ffm"))).ShouldContain(
            "--out and --test-out are the same file"
        );
        Names().ShouldBe([PathOf("folder.rfm")]);
    }

    [Fact]
    public async Task Devices_are_written_as_they_are()
    {
        Assert.SkipUnless(File.Exists("/dev/null"), "There is no /dev/null.");
        var rows = Write("rows.ffm", Rows);
        File.CreateSymbolicLink(PathOf("link.rfm"), "/dev/null");

        await OutputAsync("train", "--train", rows, "--epochs", "1", "--state", "/dev/null", "--model", PathOf("link.rfm"));

        new FileInfo("/dev/null").UnixFileMode.ShouldBe((UnixFileMode)0b110_110_110);
        Names().Length.ShouldBe(2);
    }

    private string[] Names() => [.. Directory.EnumerateFileSystemEntries(PathOf("")).Order(StringComparer.Ordinal)];
}
