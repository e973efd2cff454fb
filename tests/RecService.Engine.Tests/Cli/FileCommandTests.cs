using RecService.Engine.Data;

namespace RecService.Engine.Tests.Cli;

public sealed class FileCommandTests : CliTest
{
    [Fact]
    public async Task Rows_survive_a_conversion_to_a_cache_and_back()
    {
        const string Text = "1 0:0:1 1:2:0.5\n-2.5 0:1:1 1:3:1 2:2:1\n";
        var source = Write("a.ffm", Text);

        (await OutputAsync("convert", "--in", source, "--out", PathOf("b.cache"))).ShouldBe("");
        await OutputAsync("convert", "--in", PathOf("b.cache"), "--out", PathOf("c.libffm.gz"));
        await OutputAsync("convert", "--in", PathOf("c.libffm.gz"), "--out", PathOf("d.ffm"));
        await OutputAsync("convert", "--in", source, "--out", PathOf("e"), "--format", "libfm");

        File.ReadAllText(PathOf("d.ffm")).ShouldBe(Text);
        // The second column of feature 2 is behind those of all features.
        File.ReadAllText(PathOf("e")).ShouldBe("1 0:1 2:0.5\n-2.5 1:1 3:1 4:1\n");
    }

    [Fact]
    public async Task Text_from_standard_input_can_be_converted()
    {
        var result = await RunWithInputAsync("1 0:0:1 1:2:1\n", "convert", "--in", "-", "--out", PathOf("a.cache"));

        result.Status.ShouldBe(0, result.Error);
        using var file = File.OpenRead(PathOf("a.cache"));
        ExampleFile.Load(file).Examples.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Models_survive_a_conversion_to_safetensors_and_back()
    {
        var rows = Write("a.ffm", "1 0:0:1 1:2:0.5\n2 0:1:1 1:3:1 2:2:1\n");
        await OutputAsync("train", "--train", rows, "--epochs", "2", "--model", PathOf("a.rfm"));

        await OutputAsync("convert", "--in", PathOf("a.rfm"), "--out", PathOf("b.safetensors"));
        await OutputAsync("convert", "--in", PathOf("b.safetensors"), "--out", PathOf("c.rfm"));
        await OutputAsync("convert", "--in", PathOf("b.safetensors"), "--out", PathOf("d.txt"));

        File.ReadAllBytes(PathOf("c.rfm")).ShouldBe(File.ReadAllBytes(PathOf("a.rfm")));
        File.ReadAllText(PathOf("d.txt")).ShouldContain("\nfactors\t16\n");
    }

    [Fact]
    public async Task A_model_goes_out_as_onnx_and_does_not_come_back()
    {
        var rows = Write("a.ffm", "1 0:0:1 1:2:0.5\n2 0:1:1 1:3:1 2:2:1\n");
        await OutputAsync("train", "--train", rows, "--epochs", "2", "--model", PathOf("a.onnx"));
        await OutputAsync("train", "--train", rows, "--epochs", "2", "--model", PathOf("a.rfm"));
        await OutputAsync("convert", "--in", PathOf("a.rfm"), "--out", PathOf("b.onnx"));

        File.ReadAllBytes(PathOf("b.onnx")).ShouldBe(File.ReadAllBytes(PathOf("a.onnx")));
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(PathOf("b.onnx"));
        session.InputNames.ShouldBe(["columns", "values"]);
        (await FailureAsync(1, "predict", "--model", PathOf("a.onnx"), "--data", rows)).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task What_cannot_be_converted_is_said()
    {
        var rows = Write("a.ffm", "1 0:0:1 1:2:0.5\n2 0:1:1 1:3:1\n");
        await OutputAsync("train", "--train", rows, "--epochs", "1", "--model", PathOf("a.rfm"));

        (await FailureAsync(1, "convert", "--in", PathOf("a.rfm"), "--out", PathOf("b.ffm"))).ShouldContain(
            "a.rfm holds a model: the extension of --out must be .rfm, .safetensors, .onnx or .txt"
        );
        (await FailureAsync(1, "convert", "--in", rows, "--out", PathOf("b.rfm"))).ShouldContain("tells no format of rows");
        (await FailureAsync(2, "convert", "--in", rows)).ShouldContain("Option '--out' is required.");
        File.Exists(PathOf("b.rfm")).ShouldBeFalse();
    }

    [Fact]
    public async Task Fields_that_have_other_names_than_those_of_the_training_rows_are_refused()
    {
        await OutputAsync("generate", "--ratings", "--users", "30", "--items", "20", "--rows", "100", "--out", PathOf("ratings.cache"));
        var rows = Write("a.ffm", "1 0:0:1 1:2:0.5\n");

        await OutputAsync("convert", "--in", rows, "--out", PathOf("a.cache"));

        (await FailureAsync(1, "train", "--train", PathOf("ratings.cache"), "--test", PathOf("a.cache"))).ShouldContain(
            "a.cache: the fields are 0, 1; those wanted are user, item, tag, context.tags, context.device."
        );
    }

    [Fact]
    public async Task Generated_rows_are_one_hot_and_the_same_for_the_same_seed()
    {
        string[] args = ["generate", "--fields", "5", "4,3", "--rows", "200", "--binary", "--seed", "9"];

        var output = await OutputAsync([.. args, "--out", PathOf("a.ffm"), "--test-rows", "50", "--test-out", PathOf("test.libfm")]);
        await OutputAsync([.. args, "--out", PathOf("b.ffm")]);

        output.ShouldBe($"{PathOf("a.ffm")}: 200 rows, 12 features in 3 fields\n{PathOf("test.libfm")}: 50 rows, 12 features in 3 fields\n");
        var lines = File.ReadAllLines(PathOf("a.ffm"));
        lines.Length.ShouldBe(200);
        lines.ShouldAllBe(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^[01] 0:\d:1 1:\d:1 2:\d+:1$"));
        lines.Select(line => line[0]).Distinct().Count().ShouldBe(2);
        File.ReadAllLines(PathOf("b.ffm")).ShouldBe(lines);
        File.ReadAllLines(PathOf("test.libfm")).ShouldAllBe(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^[01] \d:1 \d:1 \d+:1$"));
    }

    [Fact]
    public async Task Generated_ratings_can_be_learned_nearly_to_their_noise()
    {
        await OutputAsync(
            "generate",
            "--ratings",
            "--users",
            "200",
            "--items",
            "120",
            "--rows",
            "5000",
            "--k",
            "2",
            "--noise",
            "0.1",
            "--out",
            PathOf("train.ffm"),
            "--test-rows",
            "800",
            "--test-out",
            PathOf("test.ffm")
        );

        var report = await ReportAsync(
            "train",
            "--train",
            PathOf("train.ffm"),
            "--test",
            PathOf("test.ffm"),
            "--k",
            "8",
            "--epochs",
            "60",
            "--l2",
            "0.0005"
        );

        report["fields"]!.GetValue<int>().ShouldBe(5);
        Number(report["test"]!["rmse"]).ShouldBeInRange(0.1, 0.4);
    }

    [Fact]
    public async Task Generated_pairs_are_distinct_and_those_of_the_test_are_others()
    {
        await OutputAsync(
            "generate",
            "--pairs",
            "--users",
            "50",
            "--items",
            "40",
            "--rows",
            "300",
            "--out",
            PathOf("train.tsv"),
            "--test-rows",
            "60",
            "--test-out",
            PathOf("test.tsv")
        );

        var train = File.ReadAllLines(PathOf("train.tsv"));
        var test = File.ReadAllLines(PathOf("test.tsv"));
        train.Length.ShouldBe(300);
        test.Length.ShouldBe(60);
        train.Concat(test).Distinct().Count().ShouldBe(360);
        train[0].ShouldMatch(@"^user-\d{4}\titem-\d{4}$");
    }

    [Fact]
    public async Task What_cannot_be_generated_is_said()
    {
        (await FailureAsync(2, "generate", "--out", PathOf("a.ffm"))).ShouldContain("One of --fields, --ratings and --pairs is needed");
        (await FailureAsync(2, "generate", "--pairs", "--ratings", "--out", PathOf("a.ffm"))).ShouldContain(
            "One of --fields, --ratings and --pairs is needed"
        );
        (await FailureAsync(2, "generate", "--ratings", "--binary", "--out", PathOf("a.ffm"))).ShouldContain("--binary is for --fields only.");
        (await FailureAsync(2, "generate", "--fields", "3,x", "--out", PathOf("a.ffm"))).ShouldContain("--fields has 'x'");
        (await FailureAsync(2, "generate", "--fields", "3", "--k", "2000000000", "--out", PathOf("a.ffm"))).ShouldContain(
            "--k is '2000000000'; it must be a whole number from 1 to 64."
        );
        (await FailureAsync(2, "generate", "--ratings", "--users", "2000000000", "--out", PathOf("a.ffm"))).ShouldContain(
            "--users is '2000000000'; it must be a whole number from 2 to 1000000."
        );
        (await FailureAsync(1, "generate", "--fields", "2000000000,2000000000", "--out", PathOf("a.ffm"))).ShouldContain(
            "--fields has more than 536,870,897 features"
        );
        (await FailureAsync(1, "generate", "--fields", "3", "--out", PathOf("a.bin"))).ShouldContain("tells no format of rows");
        (await FailureAsync(1, "generate", "--ratings", "--users", "10", "--items", "10", "--rows", "26", "--out", PathOf("a.ffm"))).ShouldContain(
            "26 rows are too many: 10 users and 10 items allow a quarter of their pairs, 25"
        );
    }
}
