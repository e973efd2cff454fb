using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Cli.Ranking;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;
using RecService.Engine.Training.Passes;

namespace RecService.Cli.Commands;

/// <summary><c>recservice rank</c>.</summary>
internal sealed class RankCommand
{
    private readonly Option<string?> _train = Options.RequiredFile(
        "--train",
        "Pairs to learn from, each a positive: user, item[, context…] a line, with tabs between; ids are any texts."
    );

    private readonly Option<string?> _valid = Options.File(
        "--valid",
        "Pairs that tell when to stop and which epoch to keep, each with negatives drawn once."
    );
    private readonly Option<string?> _test = Options.RequiredFile(
        "--test",
        "Pairs to measure by: for each user, and context, where these items come among all of the catalogue."
    );

    private readonly Option<string?> _itemFeatures = Options.File(
        "--item-features",
        "What is known of items: item, feature[, value] a line; a value left out is 1/√n for an item of n features."
    );

    private readonly Option<string?> _userFeatures = Options.File(
        "--user-features",
        "What is known of users, likewise; they are pooled with the users' ids."
    );
    private readonly ChoiceOption<bool> _itemFeatureField = new(
        "--item-feature-field",
        "The field of item features: one of their own, which crosses with the items' ids, or that of the ids.",
        "tag",
        ("tag", true),
        ("item", false)
    );

    private readonly Option<string?> _candidates = Options.File(
        "--candidates",
        "The items to rank, one a line; all of the catalogue without it: those of the training, validation and test pairs and of the item features."
    );

    private readonly Option<string?> _exclude = Options.File("--exclude", "Pairs to leave out of the ranking, beside the user's training pairs.");
    private readonly ChoiceOption<Baseline> _baseline = new(
        "--baseline",
        "Rank by this instead of a model: how many users chose an item, or how near it is to what the user chose.",
        null,
        ("popularity", Baseline.Popularity),
        ("item-knn", Baseline.ItemKnn)
    );

    private readonly NumberOption<int> _neighbours = Options.Count(
        "--neighbours",
        "With --baseline item-knn: nearest items by cosine that each item is compared with.",
        100
    );

    /// <summary>A pair of user and item says what was chosen, and nothing else.</summary>
    private static readonly Loss[] Losses = [.. LossNames.All.Where(loss => loss.Function().DefaultNegatives is not null)];

    private readonly NumberOption<int> _negatives = Options.Negatives(
        $"Negatives drawn for each positive, in each epoch anew; by default {string.Join(", ", Losses.Select(loss => loss.Function()).OrderBy(loss => loss.DefaultNegatives).Select(loss => $"{loss.DefaultNegatives} for {loss.Word}"))}."
    );

    private readonly ModelOption _model = new();
    private readonly Option<bool> _json = Options.Json();
    private readonly TrainingOptions _training = new(64, "pooled", Loss.Bpr, Losses);

    private enum Baseline
    {
        Popularity,
        ItemKnn,
    }

    public static Command Create(StandardStreams streams)
    {
        var options = new RankCommand();
        var command = new CommandWithExample(
            "rank",
            "Trains a model on pairs of users and items, and measures how it ranks the whole catalogue, less the user's training items.",
            "recservice rank --train train.tsv --test test.tsv --loss bpr --k 64 --json"
        )
        {
            options._train,
            options._valid,
            options._test,
            options._itemFeatures,
            options._userFeatures,
            options._itemFeatureField,
            options._candidates,
            options._exclude,
            options._baseline,
            options._neighbours,
            options._model,
        };
        options._training.AddTo(command);
        command.Add(options._negatives);
        command.Add(options._json);
        command.Validators.Add(result =>
        {
            Option[] ofModels =
            [
                options._model,
                options._valid,
                options._userFeatures,
                options._itemFeatureField,
                options._negatives,
                .. options._training.OfModels,
            ];
            if (result.IsGiven(options._baseline) && ofModels.FirstOrDefault(result.IsGiven) is { } ofModel)
            {
                result.AddError($"--baseline trains no model, which {ofModel.Name} is for.");
            }
            else if (result.IsGiven(options._neighbours) && result.GetValue(options._baseline) != "item-knn")
            {
                result.AddError("--neighbours is for --baseline item-knn only.");
            }
        });
        command.SetWork((parsed, cancellation) => options.Run(parsed, streams, cancellation));
        return command;
    }

    private void Run(ParseResult parsed, StandardStreams streams, CancellationToken cancellation)
    {
        var json = parsed.GetValue(_json);
        var log = ProgressLog.Of(streams, json);
        var settings = _training.SettingsIn(parsed);
        using var modelFile = _model.Open(parsed);

        var start = Stopwatch.GetTimestamp();
        var (data, dropped) = log.While("reading", () => Read(parsed, streams.Input));
        var parseSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        log.Line(
            $"{Figures.Counted(data.Train.Count, "pair")} to learn from; "
                + $"{Figures.Counted(data.Rows.Users.Count, "user")}, {Figures.Counted(data.Rows.Items.Count, "item")}; {Figures.Counted(data.Rows.Space.ColumnCount, "feature")} in {Figures.Counted(data.Rows.Space.FieldCount, "field")}"
        );

        if (dropped > 0)
        {
            streams.Error.WriteLine($"left out: {Figures.Counted(dropped, "test pair")} that {_train.Name} or {_exclude.Name} has, too");
        }

        var report = new JsonObject();
        var rank = _baseline.In(parsed) is { } baseline
            ? RankBy(baseline, parsed, data, report)
            : Train(settings, parsed, data, modelFile, log, report, cancellation);
        start = Stopwatch.GetTimestamp();
        var metrics = log.While("ranking", () => RankingReport.Of(rank(data.Evaluator(_training.ThreadsIn(parsed)))!));
        var rankSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        log.Line($"{Figures.Counted(data.Queries.Count, "query", "queries")}");
        foreach (var line in RankingReport.Lines(metrics))
        {
            log.Line(line);
        }

        if (json)
        {
            report["users"] = data.Rows.Users.Count;
            report["items"] = data.Rows.Items.Count;
            report["pairs"] = data.Train.Count;
            report["queries"] = data.Queries.Count;
            report["droppedTestPairs"] = dropped;
            report["test"] = metrics;
            report["parseSeconds"] = parseSeconds;
            report["rankSeconds"] = rankSeconds;
            report["peakMemoryBytes"] = Report.PeakMemoryBytes();
            Report.Write(streams.Output, report);
        }
    }

    /// <summary>Reads all files, and drops the test pairs that the rankings leave out: they could not come first.</summary>
    private (RankingData Data, int DroppedTestPairs) Read(ParseResult parsed, Stream standardInput)
    {
        var files = new RankingFiles(standardInput);
        var train = files.ReadPairs(parsed.GetValue(_train)!);
        var (users, items, contexts) = (files.Users.Count, files.Items.Count, files.Contexts.Count);
        var valid = parsed.GetValue(_valid) is { } validFile ? files.ReadPairs(validFile) : null;
        var test = files.ReadPairs(parsed.GetValue(_test)!);
        if (parsed.GetValue(_userFeatures) is { } ofUsers)
        {
            files.ReadUserFeatures(ofUsers);
        }

        if (parsed.GetValue(_itemFeatures) is { } ofItems)
        {
            files.ReadItemFeatures(ofItems);
        }

        var candidates = parsed.GetValue(_candidates) is { } candidatesFile ? files.ReadItems(candidatesFile) : null;
        var excluded = parsed.GetValue(_exclude) is { } excludeFile ? files.ReadKnownPairs(excludeFile) : null;
        var known = RowSets.FromPairs(files.Users.Count, [.. train.Users, .. excluded?.Users ?? []], [.. train.Items, .. excluded?.Items ?? []]);
        var ranked = test.Without(known);
        if (ranked.Count == 0)
        {
            throw new CommandFailedException(
                $"{parsed.GetValue(_test)}: {_train.Name} or {_exclude.Name} has every pair, so that there is nothing to measure by"
            );
        }

        var rows = new RankingRows(files, users, items, contexts, _itemFeatureField.In(parsed)!.Value);
        return (new(rows, train, valid, ranked, candidates, known), test.Count - ranked.Count);
    }

    private Func<RankingEvaluator, RankingMetrics?> RankBy(Baseline baseline, ParseResult parsed, RankingData data, JsonObject report)
    {
        var start = Stopwatch.GetTimestamp();
        var items = data.Rows.Items.Count;
        var neighbours = _neighbours.In(parsed);
        ItemScores score =
            baseline == Baseline.Popularity ? new PopularityRanker(items, data.Met).Score : new ItemKnnRanker(items, data.Met, neighbours).Score;
        report["settings"] = WithFiles(
            parsed,
            new() { ["baseline"] = _baseline.WordFor(baseline), ["neighbours"] = baseline == Baseline.ItemKnn ? neighbours : null }
        );
        report["epochs"] = new JsonArray();
        report["bestEpoch"] = null;
        report["trainSeconds"] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return evaluator => evaluator.Evaluate(data.Queries, score);
    }

    private Func<RankingEvaluator, RankingMetrics?> Train(
        TrainingSettings settings,
        ParseResult parsed,
        RankingData data,
        OutputFile? modelFile,
        ProgressLog log,
        JsonObject report,
        CancellationToken cancellation
    )
    {
        var loss = settings.Loss.Function();
        var negatives = parsed.GetValue(_negatives) ?? loss.DefaultNegatives!.Value;
        TrainingOptions.CheckNegatives(data.Valid?.Count ?? 0, negatives);
        var (positives, sampling) = data.TrainExamples(negatives);
        var valid = data.ValidExamples(negatives, settings.Seed);
        var rows = loss.Rows switch
        {
            LossRows.Single => positives.Count * (1L + negatives),
            LossRows.Pairs => (long)positives.Count * negatives,
        };
        var start = Stopwatch.GetTimestamp();
        var result = log.Epochs(settings, rows, progress =>
            TrainingOptions.Train(() =>
                new Trainer(settings).Train(
                    data.Rows.Space,
                    positives,
                    valid,
                    sampling,
                    data.Rows.Index,
                    progress: progress,
                    cancellationToken: cancellation
                )
            )
        );
        var trainSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        log.Line($"best epoch {result.BestEpoch}");
        _model.Write(parsed, modelFile, result.Model);

        var described = _training.Describe(settings);
        described["negatives"] = negatives;
        described["itemFeatureField"] = parsed.GetValue(_itemFeatureField);
        report["settings"] = WithFiles(parsed, described);
        report["epochs"] = Report.Epochs(result, loss, rows);
        report["bestEpoch"] = result.BestEpoch;
        report["trainSeconds"] = trainSeconds;
        return evaluator =>
        {
            var ranker = new ItemRanker(result.Model, data.Rows.Items, FactorizationKernel.ByName(settings.KernelName!));
            try
            {
                return evaluator.Evaluate(data.Queries, ranker, data.Rows.Users, data.Rows.Contexts, cancellation);
            }
            catch (ArithmeticException refusal) when (refusal is not (OverflowException or DivideByZeroException))
            {
                throw new CommandFailedException($"the model cannot rank: {refusal.Message}", refusal);
            }
        };
    }

    private JsonObject WithFiles(ParseResult parsed, JsonObject settings)
    {
        foreach (var file in new[] { _train, _valid, _test, _itemFeatures, _userFeatures, _candidates, _exclude, _model })
        {
            settings[Options.KeyOf(file)] = parsed.GetValue(file);
        }

        return settings;
    }
}
