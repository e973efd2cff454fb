using System.Text.Json.Nodes;
using RecService.Engine.Model;
using RecService.Engine.Tests.Evaluation;

namespace RecService.Engine.Tests.Cli;

public sealed class RankCommandTests(RatingFolders folders) : CliTest
{
    public static TheoryData<string> Sources => new(RatingFolders.Names);

    private static readonly string[] Metrics =
    [
        "hr@10",
        "ndcg@10",
        "recall@10",
        "hr@20",
        "ndcg@20",
        "recall@20",
        "mrr",
        "coverage@10",
        "coverage@20",
    ];

    /// <summary>Tea is liked by three, coffee by two, milk by one, and nobody has met water.</summary>
    private const string Drinks = "ann\ttea\nbob\ttea\ncid\ttea\nbob\tcoffee\ncid\tcoffee\ncid\tmilk\n";

    [Fact]
    public async Task Items_are_ranked_by_popularity_less_what_the_user_has()
    {
        var train = Write("train.tsv", Drinks);
        var test = Write("test.tsv", "ann\tmilk\nbob\twater\n\ndan\tcoffee\n");

        var report = await ReportAsync("rank", "--train", train, "--test", test, "--baseline", "popularity");

        Keys(report)
            .ShouldBe([
                "settings",
                "epochs",
                "bestEpoch",
                "trainSeconds",
                "users",
                "items",
                "pairs",
                "queries",
                "droppedTestPairs",
                "test",
                "parseSeconds",
                "rankSeconds",
                "peakMemoryBytes",
            ]);
        report["users"]!.GetValue<int>().ShouldBe(4);
        report["items"]!.GetValue<int>().ShouldBe(4);
        report["pairs"]!.GetValue<int>().ShouldBe(6);
        report["queries"]!.GetValue<int>().ShouldBe(3);
        report["epochs"]!.AsArray().ShouldBeEmpty();
        report["bestEpoch"].ShouldBeNull();
        var metrics = report["test"]!.AsObject();
        Keys(metrics).ShouldBe([.. Metrics, "ci95"]);
        Keys(metrics["ci95"]).ShouldBe(Metrics);
        foreach (var metric in Metrics)
        {
            var interval = metrics["ci95"]![metric]!.AsArray();
            interval.Count.ShouldBe(2);
            Number(metrics[metric]).ShouldBeInRange(Number(interval[0]), Number(interval[1]));
        }

        // Ann: coffee, milk, water. Bob: milk, water. Dan, whom nobody knows: tea, coffee, milk, water.
        Number(metrics["mrr"]).ShouldBe((1.0 / 2 + 1.0 / 2 + 1.0 / 2) / 3, 1e-12);
        Number(metrics["ndcg@10"]).ShouldBe(1 / Math.Log2(3), 1e-12);
        Number(metrics["hr@10"]).ShouldBe(1);
        Number(metrics["coverage@10"]).ShouldBe(1);
    }

    [Fact]
    public async Task Candidates_and_exclusions_narrow_the_ranking()
    {
        var train = Write("train.tsv", Drinks);
        var test = Write("test.tsv", "ann\tmilk\nbob\twater\ndan\tcoffee\n");
        string[] args = ["rank", "--train", train, "--test", test, "--baseline", "popularity"];

        // Ann: milk, water. Bob and Dan as before; pairs that nobody knows exclude nothing.
        var excluded = await ReportAsync([.. args, "--exclude", Write("exclude.tsv", "ann\tcoffee\tyesterday\neve\ttea\nbob\tjuice\n")]);
        Number(excluded["test"]!["mrr"]).ShouldBe((1 + 1.0 / 2 + 1.0 / 2) / 3, 1e-12);

        // Ann: milk, water, juice. Bob: milk, water and juice, which tie. Dan's coffee is no candidate.
        var candidates = await ReportAsync([.. args, "--candidates", Write("candidates.tsv", "milk\nwater\njuice\n")]);
        candidates["items"]!.GetValue<int>().ShouldBe(5);
        Number(candidates["test"]!["mrr"]).ShouldBe((1 + 1.0 / 3 + 0) / 3, 1e-12);
    }

    [Theory]
    [InlineData("--baseline", "popularity")]
    [InlineData("--baseline", "item-knn")]
    [InlineData("--epochs", "2")]
    [InlineData("--loss", "bpr", "--epochs", "2")]
    public async Task Test_pairs_that_are_known_are_dropped_and_counted(params string[] options)
    {
        var train = Write("train.tsv", Drinks);
        var exclude = Write("exclude.tsv", "dan\ttea\n");
        var rest = Write("rest.tsv", "ann\tmilk\nbob\twater\ndan\tcoffee\n");
        var test = Write("test.tsv", "ann\tmilk\nann\ttea\nbob\twater\ndan\tcoffee\ndan\ttea\ncid\tmilk\n");
        string[] args = ["rank", "--train", train, "--exclude", exclude, "--k", "2", .. options];
        args = options[0] == "--baseline" ? [.. args.Where(arg => arg is not ("--k" or "2"))] : args;

        var (status, output, error) = await RunAsync([.. args, "--test", test, "--json"]);
        status.ShouldBe(0, error);
        error.ShouldContain("left out: 3 test pairs that --train or --exclude has, too\n");
        var report = System.Text.Json.Nodes.JsonNode.Parse(output)!;
        var expected = await ReportAsync([.. args, "--test", rest]);
        report["droppedTestPairs"]!.GetValue<int>().ShouldBe(3);
        expected["droppedTestPairs"]!.GetValue<int>().ShouldBe(0);
        report["queries"]!.GetValue<int>().ShouldBe(3);
        report["test"]!.ToJsonString().ShouldBe(expected["test"]!.ToJsonString());

        (await FailureAsync(1, [.. args, "--test", train])).ShouldContain("train.tsv: --train or --exclude has every pair");
    }

    [Theory]
    [InlineData("--loss", "bpr")]
    [InlineData("--rate", "0.1")]
    [InlineData("--k", "8")]
    [InlineData("--negatives", "4")]
    [InlineData("--valid", "valid.tsv")]
    [InlineData("--user-features", "features.tsv")]
    [InlineData("--deterministic")]
    [InlineData("--history", "10")]
    [InlineData("--user-ids", "on")]
    [InlineData("--dropout", "0")]
    public async Task A_baseline_takes_no_options_of_models(params string[] options) =>
        (await FailureAsync(2, ["rank", "--train", "train.tsv", "--test", "test.tsv", "--baseline", "popularity", .. options])).ShouldContain(
            $"--baseline trains no model, which {options[0]} is for."
        );

    [Theory]
    [InlineData("--neighbours is for --baseline item-knn only.", "--neighbours", "5")]
    [InlineData("--neighbours is for --baseline item-knn only.", "--neighbours", "5", "--baseline", "popularity")]
    [InlineData("--negatives is '2147483647'; it must be a whole number from 0 to 100000.", "--negatives", "2147483647")]
    [InlineData("--history is '0'; it must be a whole number from 1 to 10000, or off.", "--history", "0")]
    [InlineData("--dropout is '1'; it must be a number from 0 to below 1.", "--dropout", "1")]
    [InlineData("--history-half-life is for --times only.", "--history-half-life", "60")]
    [InlineData("--exclude-seen is 'all'; it must be user, user+context or none.", "--exclude-seen", "all")]
    public async Task Wrong_options_end_with_2_before_anything_is_read(string message, params string[] options) =>
        (await FailureAsync(2, ["rank", "--train", "absent.tsv", "--test", "absent.tsv", .. options])).ShouldContain(message);

    [Fact]
    public async Task Near_items_are_those_that_the_same_users_chose()
    {
        var train = Write("train.tsv", "ann\ttea\nbob\ttea\nbob\tcake\ncid\tcoffee\ncid\tbun\ndan\tcoffee\ndan\tbun\n");
        var test = Write("test.tsv", "ann\tcake\n");

        var report = await ReportAsync("rank", "--train", train, "--test", test, "--baseline", "item-knn", "--neighbours", "5");

        report["settings"]!["neighbours"]!.GetValue<int>().ShouldBe(5);
        Number(report["test"]!["mrr"]).ShouldBe(1);
    }

    [Theory]
    [InlineData("bpr", "pooled", "tag")]
    [InlineData("bpr", "weighted", "tag")]
    [InlineData("logistic", "pooled", "item")]
    [InlineData("logistic", "plain", "tag")]
    public async Task A_model_ranks_items_that_training_has_not_by_their_features(string loss, string crossing, string field)
    {
        // Even users choose even items, and parity is a feature of each item. Items 20 to 29 are in no pair of training.
        var pairs = from user in Enumerable.Range(0, 20) from item in Enumerable.Range(0, 30) where (user + item) % 2 == 0 select (user, item);
        var train = Write("train.tsv", string.Concat(pairs.Where(pair => pair.item < 20 && (pair.user + pair.item) % 5 != 0).Select(Line)));
        var test = Write("test.tsv", string.Concat(pairs.Where(pair => pair.item >= 20).Select(Line)));
        var features = Write(
            "features.tsv",
            string.Concat(
                Enumerable
                    .Range(0, 30)
                    .Select(item => $"{item}\t{(item % 2 == 0 ? "even" : "odd")}{(item % 3 == 0 ? "\t0.9" : "")}\n{item}\tnumber\n")
            )
        );
        var candidates = Write("candidates.tsv", string.Concat(Enumerable.Range(20, 10).Select(item => $"{item}\n")));
        var model = PathOf("model.rfm");

        var report = await ReportAsync(
            "rank",
            "--train",
            train,
            "--test",
            test,
            "--item-features",
            features,
            "--candidates",
            candidates,
            "--loss",
            loss,
            "--history",
            "off",
            "--interaction",
            crossing,
            "--item-feature-field",
            field,
            "--k",
            "8",
            "--epochs",
            "30",
            "--negatives",
            "2",
            "--model",
            model
        );

        // Five of ten candidates are right, and all of them come before the others.
        Number(report["test"]!["ndcg@10"]).ShouldBe(1, 1e-12);
        Number(report["test"]!["recall@10"]).ShouldBe(1);
        report["epochs"]!.AsArray().Count.ShouldBe(30);
        Keys(report["epochs"]![0]).ShouldBe(["epoch", "seconds", "examplesPerSecond", "trainLoss", "validMetric"]);
        report["settings"]!["itemFeatureField"]!.GetValue<string>().ShouldBe(field);

        using var file = File.OpenRead(model);
        var stored = ModelFile.Load(file);
        stored.Space.Fields.ShouldBe(field == "tag" ? ["user", "item", "tag"] : ["user", "item"]);
        var names = stored.Features.ShouldNotBeNull().Features.Select(feature => $"{feature.Group} {feature.Category}").ToArray();
        names.ShouldContain("user.id 7");
        names.ShouldContain("item.id 19");
        names.ShouldNotContain("item.id 20");
        names.ShouldContain(field == "tag" ? "tag even" : "item.tags even");

        static string Line((int User, int Item) pair) => $"{pair.User}\t{pair.Item}\n";
    }

    [Theory]
    [InlineData("--loss", "bpr")]
    [InlineData("--history", "off")]
    public async Task Features_of_users_make_up_for_users_that_training_has_not(params string[] options)
    {
        var pairs = from user in Enumerable.Range(0, 20) from item in Enumerable.Range(0, 12) where (user + item) % 2 == 0 select $"{user}\t{item}\n";
        var train = Write("train.tsv", string.Concat(pairs));
        var test = Write("test.tsv", string.Concat(Enumerable.Range(0, 12).Select(item => $"{(item % 2 == 0 ? "eve" : "olaf")}\t{item}\n")));
        var known = Enumerable.Range(0, 20).Select(user => $"{user}\t{(user % 2 == 0 ? "even" : "odd")}\n");
        var features = Write("features.tsv", string.Concat(known) + "eve\teven\nolaf\todd\n");

        var report = await ReportAsync([
            "rank",
            "--train",
            train,
            "--test",
            test,
            "--user-features",
            features,
            "--k",
            "8",
            "--epochs",
            "40",
            .. options,
        ]);

        Number(report["test"]!["ndcg@10"]).ShouldBe(1, 1e-12);
    }

    [Fact]
    public async Task Contexts_are_fields_and_make_queries_of_their_own()
    {
        // In the morning everyone wants hot drinks, in the evening cold ones; one of each is held out.
        string[] hot = ["coffee", "tea", "cocoa"],
            cold = ["wine", "beer", "juice"];
        var (train, test) = (new StringWriter(), new StringWriter());
        for (var user = 0; user < 12; user++)
        {
            for (var drink = 0; drink < 3; drink++)
            {
                var held = drink == user % 3;
                (held ? test : train).Write(
                    $"{user}\t{hot[drink]}\tmorning\t{user % 2}\n{user}\t{cold[drink]}\tevening\t{(held ? "never" : user % 2)}\n"
                );
            }
        }

        var (trainFile, testFile, model) = (Write("train.tsv", train.ToString()), Write("test.tsv", test.ToString()), PathOf("model.rfm"));
        var report = await ReportAsync("rank", "--train", trainFile, "--test", testFile, "--loss", "bpr", "--history", "off", "--k", "4", "--epochs", "30", "--model", model);

        report["queries"]!.GetValue<int>().ShouldBe(24);
        Number(report["test"]!["mrr"]).ShouldBe(1);
        using var file = File.OpenRead(model);
        ModelFile.Load(file).Space.Fields.ShouldBe(["user", "item", "context1", "context2"]);
    }

    [Fact]
    public async Task Validation_pairs_choose_the_epoch()
    {
        var (train, test) = (PathOf("train.tsv"), PathOf("test.tsv"));
        await OutputAsync(
            "generate",
            "--pairs",
            "--users",
            "60",
            "--items",
            "50",
            "--rows",
            "600",
            "--out",
            train,
            "--test-rows",
            "100",
            "--test-out",
            test
        );

        var report = await ReportAsync(
            "rank",
            "--train",
            train,
            "--valid",
            test,
            "--test",
            test,
            "--loss",
            "bpr",
            "--history",
            "off",
            "--epochs",
            "30",
            "--patience",
            "2",
            "--k",
            "4",
            "--threads",
            "2"
        );

        var valid = report["epochs"]!.AsArray().Select(epoch => Number(epoch!["validMetric"])).ToArray();
        report["bestEpoch"]!.GetValue<int>().ShouldBe(1 + Array.IndexOf(valid, valid.Min()));
    }

    [Fact]
    public async Task What_comes_next_is_learned_from_what_came_before()
    {
        var (train, test) = Chain(users: 60, items: 20, length: 10, times: false);
        var model = PathOf("model.rfm");

        var report = await ReportAsync("rank", "--train", train, "--test", test, "--exclude-seen", "none", "--k", "8", "--epochs", "300", "--patience", "300", "--model", model);

        // Without pairs to validate by, the last ones of training tell how many epochs are best.
        Number(report["test"]!["mrr"]).ShouldBeGreaterThan(0.9);
        Keys(report["trialEpochs"]![0]).ShouldBe(
            ["epoch", "seconds", "examplesPerSecond", "trainLoss", "validMetric", "validHr@10", "validNdcg@10", "validNdcg"]
        );
        Keys(report["epochs"]![0]).ShouldBe(["epoch", "seconds", "examplesPerSecond", "trainLoss", "validMetric"]);
        var means = new List<double>();
        foreach (var ndcg in report["trialEpochs"]!.AsArray().Select(epoch => Number(epoch!["validNdcg"])))
        {
            means.Add(means.Count == 0 ? ndcg : (0.7 * means[^1]) + (0.3 * ndcg));
        }

        var best = 1 + means.IndexOf(means.Max());
        report["bestEpoch"]!.GetValue<int>().ShouldBe(best);
        report["epochs"]!.AsArray().Count.ShouldBe(best);
        var settings = report["settings"]!;
        settings["loss"]!.GetValue<string>().ShouldBe("softmax");
        settings["history"]!.GetValue<int>().ShouldBe(200);
        settings["userIds"]!.GetValue<bool>().ShouldBeFalse();
        using var file = File.OpenRead(model);
        var stored = ModelFile.Load(file);
        stored.History!.Length.ShouldBe(200);
        stored.Space.Fields.ShouldBe(["item", "history", "history.recent"]);

        // Who asks alone does not tell.
        var without = await ReportAsync("rank", "--train", train, "--test", test, "--exclude-seen", "none", "--k", "8", "--epochs", "300", "--patience", "300", "--history", "off");
        Number(without["test"]!["mrr"]).ShouldBeLessThan(0.6);
        without["settings"]!["history"].ShouldBeNull();
        without["settings"]!["userIds"]!.GetValue<bool>().ShouldBeTrue();
    }

    [Fact]
    public async Task Times_put_choices_in_order_and_results_come_by_the_gap()
    {
        var (train, test) = Chain(users: 60, items: 20, length: 10, times: true);
        // Backwards, which the times put right.
        File.WriteAllLines(train, File.ReadAllLines(train).Reverse());

        var report = await ReportAsync("rank", "--train", train, "--test", test, "--times", "--exclude-seen", "none", "--k", "8", "--epochs", "300", "--patience", "300");

        Number(report["test"]!["mrr"]).ShouldBeGreaterThan(0.8);
        Keys(report["testByGap"]).ShouldBe(["up to 30 s", "above an hour"]);
        report["testByGap"]!["up to 30 s"]!["queries"]!.GetValue<int>().ShouldBe(20);
        report["testByGap"]!["above an hour"]!["queries"]!.GetValue<int>().ShouldBe(20);
        Number(report["testByGap"]!["up to 30 s"]!["mrr"]).ShouldBeGreaterThan(0.8);
        (await FailureAsync(1, "rank", "--train", Write("bad.tsv", "ann\ttea\tnow\n"), "--test", test, "--times")).ShouldContain(
            "bad.tsv(1,9): the time 'now' is not a finite number."
        );
    }

    [Fact]
    public async Task What_counts_as_seen_can_be_chosen()
    {
        // Everyone takes tea in the morning and wine in the evening, again and again, and each once something else.
        var (train, test) = (new StringWriter(), new StringWriter());
        for (var user = 0; user < 30; user++)
        {
            for (var day = 0; day < 4; day++)
            {
                train.Write($"{user}\ttea\tmorning\n{user}\twine\tevening\n");
            }

            train.Write($"{user}\tjuice{user % 5}\tmorning\n");
            test.Write($"{user}\ttea\tmorning\n{user}\ttea\tevening\n");
        }

        string[] args = ["rank", "--train", Write("train.tsv", train.ToString()), "--test", Write("test.tsv", test.ToString()), "--k", "4", "--epochs", "10"];

        (await FailureAsync(1, args)).ShouldContain("has every pair");
        var inContext = await ReportAsync([.. args, "--exclude-seen", "user+context"]);
        inContext["queries"]!.GetValue<int>().ShouldBe(30);
        inContext["droppedTestPairs"]!.GetValue<int>().ShouldBe(30);
        var none = await ReportAsync([.. args, "--exclude-seen", "none", "--model", PathOf("model.rfm")]);
        none["queries"]!.GetValue<int>().ShouldBe(60);
        Number(none["test"]!["hr@10"]).ShouldBe(1);
        using var file = File.OpenRead(PathOf("model.rfm"));
        ModelFile.Load(file).Space.Fields.ShouldContain("repeat");
    }

    [Theory]
    [InlineData("bpr")]
    [InlineData("logistic")]
    public async Task Other_losses_take_histories_too(string loss)
    {
        var (train, test) = Chain(users: 80, items: 20, length: 10, times: false);

        var report = await ReportAsync(
            [.. "rank --loss".Split(' '), loss, "--train", train, "--test", test, "--history", "20", "--k", "8", "--epochs", "60", "--patience", "60", "--l2", "0"]
        );

        Number(report["test"]!["mrr"]).ShouldBeGreaterThan(0.7);
        report["settings"]!["history"]!.GetValue<int>().ShouldBe(20);
    }

    /// <summary>Users who go from an item to the next, each from one of their own on; the last one is the test, at once or after a while.</summary>
    private (string Train, string Test) Chain(int users, int items, int length, bool times)
    {
        var (train, test) = (new StringWriter(), new StringWriter());
        for (var user = 0; user < users; user++)
        {
            var gap = new[] { 10, 100, 10_000 }[user % 3];
            for (var e = 0; e <= length; e++)
            {
                var time = times ? $"\t{(20 * e) + (e == length ? gap - 20 : 0)}" : "";
                (e == length ? test : train).Write($"{user}\t{((user * 5) + e) % items}{time}\n");
            }
        }

        return (Write("chain-train.tsv", train.ToString()), Write("chain-test.tsv", test.ToString()));
    }

    [Fact]
    public async Task Bad_lines_are_named()
    {
        var good = Write("good.tsv", "ann\ttea\nbob\tcoffee\n");
        string[] args = ["rank", "--baseline", "popularity", "--train", good, "--test"];

        await TestFails("ann\ttea\n\nbob\n", "bad.tsv(3,1): the line has 1 cell; it must be user, item[, context, …] with tabs between.");
        await TestFails("ann\ttea\tnow\n", "bad.tsv(1,1): the line has 3 cells; the first line of the training pairs has 2.");
        await TestFails("änn\t\n", "bad.tsv(1,6): the cell is empty.");
        await TestFails("\n", "bad.tsv: there are no pairs");
        await OptionFails("--item-features", "tea\thot\t1\ntea\tblack\tvery\n", "bad.tsv(2,11): the value 'very' is not a finite number.");
        await OptionFails("--item-features", "tea\thot\ntea\thot\n", "bad.tsv(2,5): the item 'tea' has the feature 'hot' already.");
        await OptionFails("--candidates", "tea\tcoffee\n", "bad.tsv(1,1): the line has 2 cells; it must be item.");
        await OptionFails("--candidates", "\n", "bad.tsv: there are no items");
        File.WriteAllBytes(PathOf("bad.tsv"), [(byte)'a', (byte)'\t', 0xFF, (byte)'\n']);
        (await FailureAsync(1, [.. args, PathOf("bad.tsv")])).ShouldContain("bad.tsv: what follows line 0 is not UTF-8 text");
        (await FailureAsync(2, "rank", "--train", good)).ShouldContain("Option '--test' is required.");
        (await FailureAsync(2, [.. args, good, "--model", PathOf("model.rfm")])).ShouldContain("--baseline trains no model");

        async Task TestFails(string text, string message) => (await FailureAsync(1, [.. args, Write("bad.tsv", text)])).ShouldContain(message);

        async Task OptionFails(string option, string text, string message) =>
            (await FailureAsync(1, [.. args, good, option, Write("bad.tsv", text)])).ShouldContain(message);
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public async Task The_baselines_have_the_known_figures(string source)
    {
        var folder = folders.Ranking(source);
        string[] args =
        [
            "rank",
            "--train",
            Path.Combine(folder, "train.tsv"),
            "--test",
            Path.Combine(folder, "test.tsv"),
            "--threads",
            "2",
            "--baseline",
        ];
        var (popularity, nearest) =
            source == RatingFolders.MovieLens ? ([0.0417, 0.0194, 0.0626, 0.0245], [0.0611, 0.0337, 0.1133, 0.0468]) : KnownFigures(folder);

        Figures(await ReportAsync([.. args, "popularity"])).ShouldBe(popularity, 5e-5);
        Figures(await ReportAsync([.. args, "item-knn"])).ShouldBe(nearest, 5e-5);

        static double[] Figures(JsonObject report) =>
            [.. new[] { "hr@10", "ndcg@10", "hr@20", "ndcg@20" }.Select(metric => Number(report["test"]![metric]))];
    }

    private static (double[] Popularity, double[] Nearest) KnownFigures(string folder)
    {
        var (train, test) = (PlainRanking.Read(folder, "train"), PlainRanking.Read(folder, "test"));
        var items = 1 + Math.Max(train.Items.Max(), test.Items.Max());
        var counts = PlainRanking.Popularity(items, train);
        return (PlainRanking.Figures(train, test, _ => counts), PlainRanking.Figures(train, test, PlainRanking.Nearest(items, train)));
    }
}
