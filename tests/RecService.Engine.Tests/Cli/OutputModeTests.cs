namespace RecService.Engine.Tests.Cli;

public sealed class OutputModeTests : CliTest
{
    [Fact]
    public async Task A_file_that_is_written_anew_keeps_its_mode()
    {
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var rows = Write("rows.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n");
        var model = Write("model.rfm", "former");
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.SetUnixFileMode(model, Private);

        await OutputAsync("train", "--train", rows, "--epochs", "1", "--model", model);

        File.GetUnixFileMode(model).ShouldBe(Private);
        File.ReadAllBytes(model).Length.ShouldBeGreaterThan("former".Length);
    }
}
