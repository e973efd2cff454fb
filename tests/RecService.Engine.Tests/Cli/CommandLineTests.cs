namespace RecService.Engine.Tests.Cli;

public sealed class CommandLineTests : CliTest
{
    [Theory]
    [InlineData("train", "--loss <squared|logistic|bpr>", "--solver <sgd|adagrad|adam>", "[default: 16]")]
    [InlineData("predict", "--scores")]
    [InlineData("evaluate", "--json")]
    [InlineData("rank", "--loss <softmax|logistic|bpr>", "--history <N|off>", "--candidates", "--baseline <popularity|item-knn>", "[default: 64]")]
    [InlineData("convert", "--in", "--out")]
    [InlineData("generate", "--fields", "--ratings", "--pairs")]
    public async Task Each_command_explains_itself_with_an_example(string command, params string[] parts)
    {
        var help = await OutputAsync(command, "--help");

        help.ShouldContain($"Example:\n  recservice {command} ");
        foreach (var part in parts)
        {
            help.ShouldContain(part);
        }
    }

    [Theory]
    [InlineData("Required command was not provided. See 'recservice --help'.")]
    [InlineData("'trian' is no command, and no option of one. See 'recservice --help'.", "trian")]
    public async Task Without_a_command_nothing_is_done(string message, params string[] args) =>
        (await FailureAsync(2, args)).ShouldBe($"recservice: {message}\n");

    [Fact]
    public async Task The_commands_are_listed()
    {
        var help = await OutputAsync("--help");

        foreach (var command in new[] { "train", "predict", "evaluate", "rank", "convert", "generate", "demo" })
        {
            help.ShouldContain($"\n  {command} ");
        }
    }
}
