using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Cli;

public sealed class TrainCommandTests : CliTest
{
    [Fact]
    public async Task One_object_tells_settings_epochs_and_metrics()
    {
        var (train, test) = await GenerateAsync("ffm");

        var report = await ReportAsync("train", "--train", train, "--valid", test, "--test", test, "--epochs", "5", "--k", "4");

        Keys(report)
            .ShouldBe([
                "settings",
                "rows",
                "features",
                "fields",
                "standardizedColumns",
                "unknownEntries",
                "epochs",
                "startValidMetric",
                "bestEpoch",
                "trial",
                "constantValidMetric",
                "warnings",
                "test",
                "parseSeconds",
                "trainSeconds",
                "peakMemoryBytes",
            ]);
        var settings = report["settings"]!.AsObject();
        Keys(settings)
            .ShouldBe([
                "loss",
                "interaction",
                "solver",
                "k",
                "epochs",
                "rate",
                "schedule",
                "l2Linear",
                "l2Factors",
                "l2FieldWeights",
                "initStdev",
                "patience",
                "seed",
                "threads",
                "deterministic",
                "kernel",
                "standardize",
                "positiveFrom",
                "holdOut",
                "train",
                "valid",
                "test",
                "model",
                "warmStart",
                "state",
            ]);
        settings["interaction"]!.GetValue<string>().ShouldBe("pooled");
        settings["k"]!.GetValue<int>().ShouldBe(4);
        settings["train"]!.GetValue<string>().ShouldBe(train);
        settings["model"].ShouldBeNull();
        report["rows"]!.ToJsonString().ShouldBe("""{"train":3000,"valid":1000,"test":1000}""");
        Keys(report["test"]).ShouldBe(["rmse", "mae"]);
        Number(report["test"]!["rmse"]).ShouldBeInRange(0.5, 1.2);

        var epochs = report["epochs"]!.AsArray();
        epochs.Count.ShouldBe(5);
        foreach (var (epoch, number) in epochs.Select((epoch, index) => (epoch, index + 1)))
        {
            Keys(epoch).ShouldBe(["epoch", "seconds", "examplesPerSecond", "trainLoss", "validMetric"]);
            Number(epoch!["epoch"]).ShouldBe(number);
            Number(epoch["seconds"]).ShouldBeGreaterThan(0);
            Number(epoch["examplesPerSecond"]).ShouldBe(3000 / Number(epoch["seconds"]), 1);
        }

        report["bestEpoch"]!.GetValue<int>().ShouldBeInRange(1, 5);
        Number(report["parseSeconds"]).ShouldBeGreaterThan(0);
        report["peakMemoryBytes"]!.GetValue<long>().ShouldBeGreaterThan(1_000_000);
    }

    [Fact]
    public async Task A_run_starts_from_the_state_or_the_model_of_another()
    {
        var (train, test) = await GenerateAsync("ffm");
        var (state, model) = (PathOf("former.state"), PathOf("former.rfm"));
        string[] run = ["train", "--train", train, "--valid", test];
        var former = await ReportAsync([.. run, "--k", "4", "--epochs", "8", "--state", state, "--model", model]);
        former["startValidMetric"].ShouldBeNull();
        var best = former["epochs"]!.AsArray().Min(epoch => Number(epoch!["validMetric"]));

        foreach (var start in new[] { state, model })
        {
            var warm = await ReportAsync([.. run, "--k", "4", "--epochs", "2", "--warm-start", start]);
            Number(warm["startValidMetric"]).ShouldBe(best, 1e-5);
        }

        (await FailureAsync(1, [.. run, "--k", "5", "--warm-start", state])).ShouldContain(
            "--warm-start does not fit: it has the loss Squared and 4 factors; Squared and 5 are to be trained\n"
        );
        (await FailureAsync(1, [.. run, "--warm-start", train])).ShouldContain("no training state");
    }

    [Fact]
    public async Task A_start_says_how_many_features_it_has_and_is_refused_where_it_has_none()
    {
        var state = PathOf("former.state");
        await OutputAsync("train", "--train", Write("former.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n"), "--epochs", "1", "--state", state);
        string[] args = ["train", "--epochs", "1", "--warm-start", state, "--train"];

        (await RunAsync([.. args, Write("more.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n2 0:3:1 1:4:1\n")])).Error.ShouldBe(
            "--warm-start: 3 of 5 features taken over\n"
        );
        (await FailureAsync(1, [.. args, Write("fields.ffm", "1 0:0:1 2:1:1\n2 0:0:1 2:2:1\n")])).ShouldContain(
            $"--warm-start does not fit: its fields are 0, 1; those of {PathOf("fields.ffm")} are 0, 2"
        );
        (await FailureAsync(1, [.. args, Write("plain.libfm", "1 0:1 1:1\n")])).ShouldContain("its fields are 0, 1; those of ");
        (await FailureAsync(1, [.. args, Write("others.ffm", "1 1:0:1 0:1:1\n2 1:0:1 0:2:1\n")])).ShouldContain("it has none of the features of ");
    }

    [Theory]
    [InlineData("0", "1e30", "1", "the target 1E+30")]
    [InlineData("0.5", "1e30", "1", "the target 1E+30")]
    [InlineData("0.5", "3", "1e12", "the entry 1E+12 of 1:21, which makes")]
    public async Task A_run_that_diverges_names_the_line_that_is_far_from_the_others(string holdOut, string target, string value, string what)
    {
        // Lines of comments are no rows.
        var rows = Enumerable.Range(0, 100).Select(n => n == 50 ? $"{target} 0:{n % 7}:1 1:21:{value}\n" : $"{1 + (n % 5)} 0:{n % 7}:1 1:{20 + (n % 9)}:1\n");
        var (far, well) = (Write("far.ffm", "# rows\n\n" + string.Concat(rows)), Write("well.ffm", "1 0:0:1 1:20:1\n2 0:1:1 1:21:1\n"));

        foreach (var seed in new[] { "1", "2", "3" })
        {
            (await FailureAsync(1, ["train", "--train", far, "--rate", "1e20", "--standardize", "off", "--hold-out", holdOut, "--seed", seed])).ShouldContain(
                $"Far from the others: {far}, line 53, with {what}"
            );
        }

        var valid = await FailureAsync(1, ["train", "--train", well, "--valid", far, "--rate", "1e20"]);
        valid.ShouldContain($"Far from the others: {far}, line 53, with {what}");
        var cache = PathOf("far.cache");
        await OutputAsync("convert", "--in", far, "--out", cache);
        (await FailureAsync(1, ["train", "--train", cache, "--rate", "1e20", "--standardize", "off"])).ShouldContain($"{cache}, row 51, with {what}");
    }

    [Fact]
    public async Task The_losses_of_epochs_are_in_the_units_of_the_metrics()
    {
        var (train, test) = await GenerateAsync("ffm");
        var model = PathOf("model.rfm");

        var report = await ReportAsync("train", "--train", train, "--valid", test, "--epochs", "8", "--model", model);

        report["test"].ShouldBeNull();
        var best = report["epochs"]!.AsArray().Min(epoch => Number(epoch!["validMetric"]));
        var evaluated = await ReportAsync("evaluate", "--model", model, "--data", test);
        Number(evaluated["test"]!["rmse"]).ShouldBe(best, 1e-5);
        // Each row before it was learned from, so that the first epoch is not far from what knows nothing.
        Number(report["epochs"]![0]!["trainLoss"]).ShouldBeInRange(0.9, 1.3);
    }

    [Theory]
    [InlineData("squared", "rfm")]
    [InlineData("squared", "safetensors")]
    [InlineData("logistic", "rfm")]
    [InlineData("logistic", "safetensors")]
    public async Task A_stored_model_evaluates_as_it_did_when_it_was_trained(string loss, string extension)
    {
        var (train, test) = await GenerateAsync("ffm", loss == "logistic" ? ["--binary"] : []);
        var model = PathOf($"model.{extension}");

        var trained = await ReportAsync(
            "train",
            "--train",
            train,
            "--test",
            test,
            "--loss",
            loss,
            "--interaction",
            "weighted",
            "--epochs",
            "3",
            "--model",
            model
        );
        var evaluated = await ReportAsync("evaluate", "--model", model, "--data", test);

        Keys(evaluated).ShouldBe(["settings", "rows", "unknownEntries", "test", "parseSeconds", "peakMemoryBytes"]);
        Keys(trained["test"]).ShouldBe(loss == "squared" ? ["rmse", "mae"] : ["logLoss", "auc"]);
        evaluated["test"]!.ToJsonString().ShouldBe(trained["test"]!.ToJsonString());
    }

    [Fact]
    public async Task Without_rows_to_stop_by_some_are_held_out_and_all_are_trained_on_for_as_many_epochs()
    {
        var (train, test) = await GenerateAsync("ffm", "--binary");
        string[] args = ["train", "--train", train, "--test", test, "--loss", "logistic", "--k", "4", "--epochs", "12"];

        var report = await ReportAsync(args);
        var all = await ReportAsync([.. args, "--hold-out", "0"]);

        report["trial"]!["heldOut"]!.GetValue<int>().ShouldBe(300);
        var epochs = report["trial"]!["epochs"]!.AsArray().Select(epoch => Number(epoch!["validMetric"])).ToList();
        var best = report["bestEpoch"]!.GetValue<int>();
        best.ShouldBe(epochs.IndexOf(epochs.Min()) + 1);
        report["trial"]!["bestEpoch"]!.GetValue<int>().ShouldBe(best);
        report["epochs"]!.AsArray().Count.ShouldBe(best);
        report["epochs"]![0]!["validMetric"].ShouldBeNull();
        Number(report["constantValidMetric"]).ShouldBeGreaterThan(epochs.Min());
        report["warnings"]!.AsArray().ShouldBeEmpty();
        all["trial"].ShouldBeNull();
        all["epochs"]!.AsArray().Count.ShouldBe(12);
        // The last training is the beginning of that on all rows.
        Number(report["epochs"]![0]!["trainLoss"]).ShouldBe(Number(all["epochs"]![0]!["trainLoss"]));
    }

    [Fact]
    public async Task A_model_that_a_constant_beats_is_warned_of()
    {
        var random = new Random(1);
        string Rows(int count) =>
            string.Concat(Enumerable.Range(0, count).Select(_ => $"{random.Next(2)} 0:{random.Next(50)}:1 1:{50 + random.Next(50)}:1\n"));
        var (train, test) = (Write("noise.ffm", Rows(400)), Write("test.ffm", Rows(100)));

        var report = await ReportAsync("train", "--train", train, "--valid", test, "--test", test, "--loss", "logistic");
        var printed = await OutputAsync("train", "--train", train, "--loss", "logistic");

        report["warnings"]![0]!.GetValue<string>().ShouldStartWith("no epoch did clearly better on the held-out rows than a constant: log loss ");
        report["bestEpoch"]!.GetValue<int>().ShouldBe(0);
        Number(report["test"]!["logLoss"]).ShouldBe(Number(report["constantValidMetric"]), 1e-5);
        printed.ShouldContain("warning: no epoch did clearly better");
    }

    [Theory]
    [InlineData("3 0:0:1 1:1:1\n1 0:2:1 1:1:1\n", "labels are from 1 to 3, all of them positive (above 0)")]
    [InlineData("-1 0:0:1 1:1:1\n-1 0:2:1 1:1:1\n", "all labels are -1, none of them positive (above 0)")]
    public async Task Labels_of_one_kind_are_refused(string rows, string reason)
    {
        var train = Write("train.ffm", rows);

        var failure = await FailureAsync(1, "train", "--train", train, "--loss", "logistic");

        failure.ShouldContain(reason);
        failure.ShouldContain("--positive-from says from which label on a row is positive");
    }

    [Fact]
    public async Task Rows_are_positive_from_a_label_on()
    {
        var (train, test) = await GenerateAsync("ffm", "--binary");
        string Stars(string path) =>
            Write(Path.GetFileName(path) + ".stars", string.Concat(File.ReadLines(path).Select(line => (line[0] == '1' ? "5" : "2") + line[1..] + "\n")));
        var (trainStars, testStars, model) = (Stars(train), Stars(test), PathOf("model.rfm"));

        var binary = await ReportAsync("train", "--train", train, "--test", test, "--loss", "logistic", "--epochs", "3");
        var stars = await ReportAsync(
            ["train", "--train", trainStars, "--test", testStars, "--loss", "logistic", "--epochs", "3", "--positive-from", "4", "--model", model]
        );

        stars["test"]!.ToJsonString().ShouldBe(binary["test"]!.ToJsonString());
        var evaluated = await ReportAsync("evaluate", "--model", model, "--data", testStars, "--positive-from", "4");
        evaluated["test"]!.ToJsonString().ShouldBe(binary["test"]!.ToJsonString());
        (await FailureAsync(1, "train", "--train", train, "--positive-from", "1")).ShouldContain("--positive-from is of no use with --loss squared");
    }

    [Fact]
    public async Task Columns_of_numbers_are_standardised_and_the_model_takes_them_as_they_are()
    {
        var random = new Random(1);
        var train = Write(
            "ages.libsvm",
            string.Concat(
                Enumerable
                    .Range(0, 1000)
                    .Select(_ => (Age: random.Next(18, 80), Income: random.Next(10_000, 90_000)))
                    .Select(row => $"{(row.Age > 50 == row.Income > 50_000 ? 1 : 0)} 1:{row.Age} 2:{row.Income}\n")
            )
        );
        var model = PathOf("model.rfm");

        var report = await ReportAsync("train", "--train", train, "--test", train, "--loss", "logistic", "--model", model);
        var without = await ReportAsync("train", "--train", train, "--test", train, "--loss", "logistic", "--standardize", "off");

        report["standardizedColumns"]!.GetValue<int>().ShouldBe(2);
        Number(report["test"]!["auc"]).ShouldBeGreaterThan(0.9);
        Number(without["test"]!["auc"]).ShouldBeLessThan(0.8);
        var evaluated = await ReportAsync("evaluate", "--model", model, "--data", train);
        Number(evaluated["test"]!["logLoss"]).ShouldBe(Number(report["test"]!["logLoss"]), 1e-6);
        var state = await ReportAsync("train", "--train", train, "--epochs", "1", "--state", PathOf("state.rfs"));
        state["standardizedColumns"]!.GetValue<int>().ShouldBe(0);
    }

    [Fact]
    public async Task Predictions_are_what_is_evaluated()
    {
        var (train, test) = await GenerateAsync("ffm");
        var (model, file) = (PathOf("model.rfm"), PathOf("predictions.txt"));
        await OutputAsync("train", "--train", train, "--epochs", "3", "--model", model);
        var rmse = Number((await ReportAsync("evaluate", "--model", model, "--data", test))["test"]!["rmse"]);

        var printed = await OutputAsync("predict", "--model", model, "--data", test);
        await OutputAsync("predict", "--model", model, "--data", test, "--out", file);

        File.ReadAllText(file).ShouldBe(printed);
        var predictions = Numbers(printed);
        var targets = File.ReadLines(test).Select(line => double.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture)).ToArray();
        predictions.Length.ShouldBe(targets.Length);
        Math.Sqrt(predictions.Zip(targets, (prediction, target) => Math.Pow(prediction - target, 2)).Average()).ShouldBe(rmse, 1e-9);
    }

    [Fact]
    public async Task Ratings_are_clipped_to_the_range_of_training_and_scores_are_not()
    {
        var train = Write("train.ffm", "1 0:0:1 1:1:1\n3 0:0:1 1:2:1\n2 0:3:1 1:1:1\n3 0:3:1 1:2:1\n");
        var data = Write("data.ffm", "0 0:0:1 1:1:50\n0 0:3:1 1:2:50\n");
        var model = PathOf("model.rfm");
        await OutputAsync("train", "--train", train, "--epochs", "50", "--model", model);

        Numbers(await OutputAsync("predict", "--model", model, "--data", data)).ShouldBe([1, 3]);
        Numbers(await OutputAsync("predict", "--model", model, "--data", data, "--scores")).ShouldAllBe(score => score < 1 || score > 3);
    }

    [Theory]
    [InlineData("squared")]
    [InlineData("logistic")]
    [InlineData("bpr")]
    public async Task A_score_that_is_not_finite_is_refused_with_its_row(string loss)
    {
        var train = Write("train.ffm", string.Concat(Enumerable.Repeat("1 0:0:1 1:1:1\n0 0:0:1 1:2:1\n1 0:3:1 1:2:1\n0 0:3:1 1:1:1\n", 20)));
        var data = Write("data.ffm", "0 0:0:1 1:1:1\n0 0:0:3e38 1:1:3e38\n");
        var model = PathOf("model.rfm");
        await OutputAsync("train", "--train", train, "--loss", loss, "--epochs", "5", "--model", model);

        foreach (var args in new string[][] { ["predict"], ["predict", "--scores"], ["predict", "--out", PathOf("predictions.txt")], ["evaluate"] })
        {
            var result = await RunAsync([.. args, "--model", model, "--data", data]);
            result.Status.ShouldBe(1);
            result.Error.ShouldContain("data.ffm: row 2 has the score ");
        }

        File.Exists(PathOf("predictions.txt")).ShouldBeFalse();
    }

    [Fact]
    public async Task Logistic_predictions_are_probabilities_of_targets_above_0()
    {
        var train = Write("train.ffm", string.Concat(Enumerable.Repeat("0.5 0:0:1 1:2:1\n-3 0:1:1 1:2:1\n0 0:1:1 1:3:1\n7 0:0:1 1:3:1\n", 20)));
        var model = PathOf("model.rfm");
        await OutputAsync("train", "--train", train, "--loss", "logistic", "--epochs", "20", "--model", model);

        var probabilities = Numbers(await OutputAsync("predict", "--model", model, "--data", train));
        var scores = Numbers(await OutputAsync("predict", "--model", model, "--data", train, "--scores"));

        probabilities.Take(4).Select(probability => probability > 0.5).ShouldBe([true, false, false, true]);
        probabilities.ShouldBe(scores.Select(score => 1 / (1 + Math.Exp(-score))), 1e-6);
    }

    [Fact]
    public async Task Pairs_of_rows_are_learned_by_drawing_what_the_user_has_not_chosen()
    {
        // Users 0 to 9 choose among items 10 to 14, the others among 15 to 19; one choice of each is held out.
        var (train, test) = (new StringWriter(), new StringWriter());
        for (var user = 0; user < 10; user++)
        {
            for (var choice = 0; choice < 5; choice++)
            {
                (choice == user % 5 ? test : train).Write($"1 0:{user}:1 1:{(user < 5 ? 10 : 15) + choice}:1\n");
            }
        }

        var (trainFile, testFile, model) = (Write("train.ffm", train.ToString()), Write("test.ffm", test.ToString()), PathOf("model.rfm"));

        var report = await ReportAsync(
            "train",
            "--train",
            trainFile,
            "--valid",
            testFile,
            "--test",
            testFile,
            "--loss",
            "bpr",
            "--negatives",
            "3",
            "--epochs",
            "60",
            "--patience",
            "60",
            "--k",
            "8",
            "--model",
            model
        );

        report["settings"]!["negatives"]!.GetValue<int>().ShouldBe(3);
        Keys(report["test"]).ShouldBe(["pairLoss", "auc"]);
        Number(report["test"]!["auc"]).ShouldBeGreaterThan(0.9);
        Number(report["test"]!["pairLoss"]).ShouldBeLessThan(0.5);
        Number(report["epochs"]![0]!["examplesPerSecond"]).ShouldBe(40 * 3 / Number(report["epochs"]![0]!["seconds"]), 1);

        // Rows as they stand: each user's held-out item, and one of the other group's.
        var rows = Write("rows.ffm", test + string.Concat(Enumerable.Range(0, 10).Select(user => $"0 0:{user}:1 1:{(user < 5 ? 15 : 10)}:1\n")));
        var evaluated = await ReportAsync("evaluate", "--model", model, "--data", rows);
        Keys(evaluated["test"]).ShouldBe(["auc"]);
        Number(evaluated["test"]!["auc"]).ShouldBeGreaterThan(0.9);
    }

    [Fact]
    public async Task Which_fields_are_the_users_can_be_said()
    {
        var train = Write("train.ffm", "1 7:0:1 3:1:1 5:2:1\n1 7:3:1 3:4:1 5:5:1\n");

        (await FailureAsync(1, "train", "--train", train, "--loss", "bpr", "--user-fields", "7,8")).ShouldContain(
            "there is no field '8' for --user-fields; there are 3, 5, 7"
        );
        (await FailureAsync(1, "train", "--train", train, "--loss", "bpr", "--user-fields", "7", "3", "5")).ShouldContain(
            "every field is one of users"
        );
        (await FailureAsync(1, "train", "--train", Write("none.ffm", "0 0:0:1 1:1:1\n"), "--loss", "bpr")).ShouldContain(
            "none.ffm: no row has a target above 0"
        );
        var report = await ReportAsync("train", "--train", train, "--loss", "bpr", "--user-fields", "7,3", "--epochs", "1");
        report["settings"]!["userFields"]!.ToJsonString().ShouldBe("""["7","3"]""");
        report = await ReportAsync("train", "--train", train, "--loss", "bpr", "--epochs", "1", "--model", PathOf("model.rfm"));
        report["settings"]!["userFields"]!.ToJsonString().ShouldBe("""["3"]""");
        report = await ReportAsync("evaluate", "--model", PathOf("model.rfm"), "--data", train);
        report["settings"]!["userFields"]!.ToJsonString().ShouldBe("""["3"]""");
    }

    [Fact]
    public async Task Features_without_fields_cross_with_each_other_and_cannot_be_pooled()
    {
        var (train, test) = await GenerateAsync("libfm");

        var report = await ReportAsync("train", "--train", train, "--test", test, "--epochs", "2");
        report["settings"]!["interaction"]!.GetValue<string>().ShouldBe("plain");
        report["fields"]!.GetValue<int>().ShouldBe(1);

        foreach (var crossing in new[] { "pooled", "weighted" })
        {
            (await FailureAsync(1, "train", "--train", train, "--interaction", crossing)).ShouldContain("all features are of one field");
        }
    }

    [Fact]
    public async Task Features_that_training_has_not_are_left_out_and_counted()
    {
        var train = Write("train.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n");
        var test = Write("test.ffm", "1 0:0:1 1:9:1\n2 5:0:1 1:2:1\n");

        var report = await ReportAsync("train", "--train", train, "--test", test, "--epochs", "1");

        report["unknownEntries"]!["test"]!.GetValue<int>().ShouldBe(2);
        report["unknownEntries"]!["valid"].ShouldBeNull();
    }

    [Fact]
    public async Task Text_gzip_caches_and_standard_input_are_told_apart_by_their_content()
    {
        var (train, test) = await GenerateAsync("ffm");
        string[] rest = ["--test", test, "--epochs", "2"];
        var expected = (await ReportAsync(["train", "--train", train, .. rest]))["test"]!.ToJsonString();

        using (var compressed = new GZipStream(File.Create(PathOf("anything")), CompressionLevel.Fastest))
        {
            compressed.Write(File.ReadAllBytes(train));
        }

        (await ReportAsync(["train", "--train", PathOf("anything"), .. rest]))["test"]!.ToJsonString().ShouldBe(expected);

        await OutputAsync("convert", "--in", train, "--out", PathOf("train.cache"));
        // Made by itself, so that it has columns of its own.
        await OutputAsync("convert", "--in", test, "--out", PathOf("test.cache.gz"));
        (await ReportAsync("train", "--train", PathOf("train.cache"), "--test", PathOf("test.cache.gz"), "--epochs", "2"))["test"]!
            .ToJsonString()
            .ShouldBe(expected);

        var piped = await RunWithInputAsync(File.ReadAllText(train), ["train", "--train", "-", .. rest, "--json"]);
        JsonNode.Parse(piped.Output)!["test"]!.ToJsonString().ShouldBe(expected);
    }

    [Fact]
    public async Task Options_become_settings()
    {
        var (train, _) = await GenerateAsync("ffm");

        var settings = (
            await ReportAsync(
                "train",
                "--train",
                train,
                "--solver",
                "adam",
                "--rate",
                "0.003",
                "--l2",
                "0.25",
                "--init-stdev",
                "0.5",
                "--schedule",
                "cosine",
                "--patience",
                "7",
                "--seed",
                "5",
                "--threads",
                "2",
                "--deterministic",
                "--kernel",
                "scalar",
                "--epochs",
                "2",
                "--k",
                "3"
            )
        )["settings"]!.AsObject();

        settings["solver"]!.GetValue<string>().ShouldBe("adam");
        settings["rate"]!.ToJsonString().ShouldBe("0.003");
        settings["l2Linear"]!.ToJsonString().ShouldBe("0.25");
        settings["l2Factors"]!.ToJsonString().ShouldBe("0.25");
        settings["initStdev"]!.ToJsonString().ShouldBe("0.5");
        settings["schedule"]!.GetValue<string>().ShouldBe("cosine");
        settings["patience"]!.GetValue<int>().ShouldBe(7);
        settings["seed"]!.GetValue<int>().ShouldBe(5);
        settings["threads"]!.GetValue<int>().ShouldBe(2);
        settings["deterministic"]!.GetValue<bool>().ShouldBeTrue();
        settings["kernel"]!.GetValue<string>().ShouldBe("scalar");

        settings = (await ReportAsync("train", "--train", train, "--solver", "sgd", "--l2-factors", "0.125", "--epochs", "1"))[
            "settings"
        ]!.AsObject();
        settings["rate"]!.GetValue<float>().ShouldBe(TrainingSettings.For(Loss.Squared, Solver.Sgd).LearningRate);
        settings["l2Linear"]!.ToJsonString().ShouldBe("0.01");
        settings["l2Factors"]!.ToJsonString().ShouldBe("0.125");
    }

    [Fact]
    public async Task The_seed_makes_the_model()
    {
        var (train, _) = await GenerateAsync("ffm");
        foreach (var (name, seed) in new[] { ("a", "3"), ("b", "3"), ("c", "4") })
        {
            await OutputAsync("train", "--train", train, "--epochs", "2", "--seed", seed, "--model", PathOf($"{name}.rfm"));
        }

        File.ReadAllBytes(PathOf("a.rfm")).ShouldBe(File.ReadAllBytes(PathOf("b.rfm")));
        File.ReadAllBytes(PathOf("a.rfm")).ShouldNotBe(File.ReadAllBytes(PathOf("c.rfm")));
    }

    [Fact]
    public async Task In_a_pipe_there_are_lines_and_nothing_that_moves()
    {
        var (train, test) = await GenerateAsync("ffm");
        string[] args = ["train", "--train", train, "--valid", test, "--test", test, "--epochs", "3"];

        var output = await OutputAsync(args);
        var json = await RunAsync([.. args, "--json"]);

        foreach (var text in new[] { output, json.Error })
        {
            text.Where(c => char.IsControl(c) && c != '\n').ShouldBeEmpty();
            var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            lines.Length.ShouldBe(3 + 1 + 3 + 1);
            lines[0].ShouldBe($"{train}: 3,000 rows, 70 features in 2 fields");
            lines[3].ShouldStartWith("epoch  ");
            lines[^1].ShouldMatch(@"^best epoch \d; test rmse 0\.\d{4}, mae 0\.\d{4}$");
        }
    }

    [Fact]
    public async Task A_model_as_text_can_be_written()
    {
        var (train, _) = await GenerateAsync("ffm");

        await OutputAsync("train", "--train", train, "--epochs", "1", "--model", PathOf("model.txt"));

        File.ReadLines(PathOf("model.txt")).First().ShouldBe("recservice-model\t1");
        (await FailureAsync(1, "predict", "--model", PathOf("model.txt"), "--data", train)).ShouldContain("model.txt: This is no model file");
    }

    [Fact]
    public async Task What_fails_says_where_and_why()
    {
        var good = Write("good.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:2:1\n");
        var bad = Write("bad.ffm", "1 0:0:1 1:1:1\n2 0:0:1 1:x:1\n");

        (await FailureAsync(1, "train", "--train", PathOf("absent.ffm"))).ShouldContain("absent.ffm");
        (await FailureAsync(1, "train", "--train", bad)).ShouldContain("bad.ffm(2,11): the index 'x' is not a whole number");
        (await FailureAsync(1, "train", "--train", good, "--test", bad)).ShouldContain("bad.ffm(2,11)");
        (await FailureAsync(1, "train", "--train", Write("empty.ffm", "\n"))).ShouldContain("empty.ffm: there are no rows.");
        (await FailureAsync(1, "train", "--train", good, "--rate", "1e30", "--epochs", "50")).ShouldContain("Training diverged in epoch");
        (await FailureAsync(1, "train", "--train", good, "--kernel", "abacus")).ShouldContain("There is no kernel 'abacus'");
        (await FailureAsync(1, "train", "--train", good, "--model", PathOf("absent/model.rfm"))).ShouldContain("there is no folder");
        (await FailureAsync(1, "evaluate", "--model", good, "--data", good)).ShouldContain("good.ffm: This is no model file");

        await OutputAsync("convert", "--in", good, "--out", PathOf("good.cache"));
        var cache = File.ReadAllBytes(PathOf("good.cache"));
        cache[^40] ^= 1;
        File.WriteAllBytes(PathOf("damaged.cache"), cache);
        (await FailureAsync(1, "train", "--train", PathOf("damaged.cache"))).ShouldContain("damaged.cache: The data file");
    }

    [Theory]
    [InlineData("'--bogus' is no command", "--bogus")]
    [InlineData("--k is 'many'; it must be a whole number from 0 to 4096.", "--k", "many")]
    [InlineData("--k is '5000'", "--k", "5000")]
    [InlineData("--rate is '0'; it must be a number above 0.", "--rate", "0")]
    [InlineData("--rate is 'NaN'", "--rate", "NaN")]
    [InlineData("--loss is 'hinge'; it must be squared, logistic or bpr.", "--loss", "hinge")]
    [InlineData("--threads is '0'", "--threads", "0")]
    [InlineData("--seed is '-1'", "--seed", "-1")]
    [InlineData("--l2 is for weights and factors alike", "--l2", "1", "--l2-linear", "1")]
    [InlineData("--model is 'model.bin'; its extension must be .rfm, .safetensors, .onnx or .txt.", "--model", "model.bin")]
    [InlineData("--negatives is '2147483647'; it must be a whole number from 1 to 1000.", "--loss", "bpr", "--negatives", "2147483647")]
    [InlineData("--negatives is for --loss bpr only.", "--negatives", "4")]
    [InlineData("--user-fields is for --loss bpr only.", "--user-fields", "0", "--loss", "logistic")]
    [InlineData("Required argument missing for option: '--valid'.", "--valid")]
    public async Task Wrong_options_end_with_2_before_anything_is_read(string message, params string[] options)
    {
        var error = await FailureAsync(2, ["train", "--train", PathOf("absent.ffm"), .. options]);
        error.ShouldContain(message);
        error.ShouldEndWith(" See 'recservice train --help'.\n");
    }

    private async Task<(string Train, string Test)> GenerateAsync(string extension, params string[] options)
    {
        var (train, test) = (PathOf($"train.{extension}"), PathOf($"test.{extension}"));
        await OutputAsync(["generate", "--fields", "40,30", "--rows", "3000", "--out", train, "--test-rows", "1000", "--test-out", test, .. options]);
        return (train, test);
    }

    private static double[] Numbers(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
}
