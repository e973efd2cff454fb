using System.Text.Json.Nodes;

namespace RecService.Engine.Tests.Cli;

public sealed class RegularisationOptionTests : CliTest
{
    [Fact]
    public async Task One_option_regularises_everything()
    {
        var settings = await SettingsAsync("--l2", "0.25");

        Number(settings["l2Linear"]).ShouldBe(0.25);
        Number(settings["l2Factors"]).ShouldBe(0.25);
        Number(settings["l2FieldWeights"]).ShouldBe(0.25);
    }

    [Fact]
    public async Task Weights_and_factors_have_options_of_their_own_too()
    {
        var settings = await SettingsAsync("--l2-linear", "0.5", "--l2-factors", "0.125");

        Number(settings["l2Linear"]).ShouldBe(0.5);
        Number(settings["l2Factors"]).ShouldBe(0.125);
        Number(settings["l2FieldWeights"]).ShouldBe(Number((await SettingsAsync())["l2FieldWeights"]));
    }

    private async Task<JsonObject> SettingsAsync(params string[] options)
    {
        var rows = Write("rows.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n");
        string[] args = ["train", "--train", rows, "--interaction", "weighted", "--epochs", "1"];
        return (await ReportAsync([.. args, .. options]))["settings"]!.AsObject();
    }
}
