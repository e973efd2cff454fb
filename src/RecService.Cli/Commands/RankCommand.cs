using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Cli.Ranking;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Cli.Commands;

/// <summary><c>recservice rank</c>.</summary>
internal sealed class RankCommand
{
    /// <summary>A pair of user and item says what was chosen, and nothing else.</summary>
    private static readonly Loss[] Losses =
    [
        .. LossNames.All.Where(loss => loss.Function() is { DefaultNegatives: not null } or { Rows: LossRows.Blocks }),
    ];

    private static readonly RankingBaseline[] Baselines = [.. RankingBaselines.With(BaselineNeeds.Histories | BaselineNeeds.Neighbours)];

    private static readonly string OfNeighbours = string.Join(
        " or ",
        Baselines.Where(baseline => baseline.Needs.HasFlag(BaselineNeeds.Neighbours)).Select(baseline => baseline.Word)
    );

    private readonly Option<string?> _train = Options.RequiredFile(
        "--train",
        "Pairs to learn from, each a positive: user, item[, time with --times][, context…] a line, with tabs between; ids are any texts."
    );

    private readonly Option<string?> _valid = Options.File(
        "--valid",
        "Pairs that tell when to stop and which epoch to keep, in time behind those of training. Without them a model along sequences is first trained without the last pair of each user, or of 2,000 users, to see how many epochs are best."
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
    private readonly ChoiceOption<int> _baseline = new(
        "--baseline",
        $"Rank by this instead of a model: {string.Join(", or ", Baselines.Select(baseline => baseline.Description))}.",
        null,
        [.. Baselines.Index().Select(baseline => (baseline.Item.Word, baseline.Index))]
    );

    private readonly NumberOption<int> _neighbours = Options.Count(
        "--neighbours",
        $"With --baseline {OfNeighbours}: nearest items by cosine that each item is compared with.",
        100
    );

    private readonly NumberOption<int> _negatives = new(
        "--negatives",
        $"Negatives drawn anew in each epoch. Without a history for each positive, by default {string.Join(", ", Losses.Select(loss => loss.Function()).Where(loss => loss.DefaultNegatives is not null).OrderBy(loss => loss.DefaultNegatives).Select(loss => $"{loss.DefaultNegatives} for {loss.Word}"))}; "
            + "with a history or --loss softmax for each block of rows, 0 for all items, by default as many as suit the size of the catalogue.",
        number => number is >= 0 and <= 100_000,
        "a whole number from 0 to 100000"
    );

    private readonly ModelOption _model = new();
    private readonly Option<bool> _json = Options.Json();
    private readonly TrainingOptions _training = new(64, "pooled", Loss.Softmax, Losses);
    private readonly HistoryOptions _histories = new();

    /// <summary>Measures rankings of queries.</summary>
    private delegate RankingFigures? Ranking(RankingEvaluator evaluator, IReadOnlyList<RankingQuery> queries);

    public static Command Create(StandardStreams streams)
    {
        var options = new RankCommand();
        var command = new CommandWithExample(
            "rank",
            "Trains a model on pairs of users and items, and measures how it ranks the whole catalogue, less the user's training items.",
            "recservice rank --train train.tsv --test test.tsv --json"
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
        options._histories.AddTo(command);
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
                .. options._histories.OfModels,
            ];
            if (result.IsGiven(options._baseline) && ofModels.FirstOrDefault(result.IsGiven) is { } ofModel)
            {
                result.AddError($"--baseline trains no model, which {ofModel.Name} is for.");
            }
            else if (result.IsGiven(options._neighbours) && !NeedsNeighbours(options._baseline.In(result)))
            {
                result.AddError($"--neighbours is for --baseline {OfNeighbours} only.");
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
        var history = _histories.SettingsIn(parsed, settings.Loss);
        using var modelFile = _model.Open(parsed);

        var start = Stopwatch.GetTimestamp();
        var (data, dropped) = log.While("reading", () => Read(parsed, history, streams.Input));
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
            : history is null && settings.Loss.Function().Rows != LossRows.Blocks ? Train(settings, parsed, data, modelFile, log, report, cancellation)
            : TrainAlongSequences(settings, history, parsed, data, modelFile, log, report, cancellation);
        start = Stopwatch.GetTimestamp();
        var evaluator = data.Evaluator(_training.ThreadsIn(parsed));
        var metrics = log.While("ranking", () => RankingReport.Of(rank(evaluator, data.Queries)!));
        var rankSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        log.Line($"{Figures.Counted(data.Queries.Count, "query", "queries")}");
        foreach (var line in RankingReport.Lines(metrics))
        {
            log.Line(line);
        }

        var gaps = log.While("ranking", () => ByGap(rank, evaluator, data));
        foreach (var (name, ofGap) in gaps)
        {
            log.Line($"{name}: {Figures.Counted(ofGap!["queries"]!.GetValue<int>(), "query", "queries")}");
            foreach (var line in RankingReport.Lines(ofGap.AsObject()))
            {
                log.Line(line);
            }
        }

        if (json)
        {
            report["users"] = data.Rows.Users.Count;
            report["items"] = data.Rows.Items.Count;
            report["pairs"] = data.Train.Count;
            report["queries"] = data.Queries.Count;
            report["droppedTestPairs"] = dropped;
            report["test"] = metrics;
            if (data.Test.Times is not null)
            {
                report["testByGap"] = gaps;
            }

            report["parseSeconds"] = parseSeconds;
            report["rankSeconds"] = rankSeconds;
            report["peakMemoryBytes"] = Report.PeakMemoryBytes();
            Report.Write(streams.Output, report);
        }
    }

    /// <summary>Reads all files, and drops the test pairs that the rankings leave out: they could not come first.</summary>
    private (RankingData Data, int DroppedTestPairs) Read(ParseResult parsed, HistorySettings? history, Stream standardInput)
    {
        var files = new RankingFiles(standardInput, parsed.GetValue(_histories.Times));
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
        var seen = _histories.ExcludeSeen.In(parsed)!.Value;
        // What a history has is known when a test is.
        var before = history is null || valid is null ? [train] : new[] { train, valid };
        var known = RowSets.FromPairs(
            files.Users.Count,
            [.. before.SelectMany(choices => seen == SeenItems.OfUser ? choices.Users : []), .. excluded?.Users ?? []],
            [.. before.SelectMany(choices => seen == SeenItems.OfUser ? choices.Items : []), .. excluded?.Items ?? []]
        );
        var knownInContext = before
            .Where(_ => seen == SeenItems.OfUserAndContext)
            .SelectMany(choices => choices.Users.Zip(choices.Contexts, choices.Items))
            .ToLookup(choice => (choice.First, choice.Second), choice => choice.Third);
        var ranked = test.Where(choice =>
            !known.Contains(test.Users[choice], test.Items[choice])
            && !knownInContext[(test.Users[choice], test.Contexts[choice])].Contains(test.Items[choice])
        );
        if (ranked.Count == 0)
        {
            throw new CommandFailedException(
                $"{parsed.GetValue(_test)}: {_train.Name} or {_exclude.Name} has every pair, so that there is nothing to measure by"
            );
        }

        var rows = new RankingRows(
            files,
            users,
            items,
            contexts,
            new(_histories.UserIdsIn(parsed, history), _itemFeatureField.In(parsed)!.Value, history is not null, history is not null && HasRepeats(train))
        );
        return (new(rows, train, valid, ranked, candidates, known, knownInContext), test.Count - ranked.Count);
    }

    /// <summary>Whether a user chose an item again, so that it can be learned what that means.</summary>
    private static bool HasRepeats(Choices choices) => choices.Users.Zip(choices.Items).Distinct().Count() < choices.Count;

    /// <summary>The metrics of queries soon after the user's last choice, and long after it.</summary>
    private static JsonObject ByGap(Ranking rank, RankingEvaluator evaluator, RankingData data)
    {
        const double Soon = 30;
        const double Late = 3600;
        var gaps = new JsonObject();
        if (data.Test.Times is null)
        {
            return gaps;
        }

        foreach (var (name, holds) in new (string, Func<double, bool>)[] { ("up to 30 s", gap => gap <= Soon), ("above an hour", gap => gap > Late) })
        {
            RankingQuery[] queries = [.. data.Queries.Where(query => data.GapOf(query) is { } gap && holds(gap))];
            if (queries.Length > 0)
            {
                var metrics = RankingReport.Of(rank(evaluator, queries)!);
                metrics["queries"] = queries.Length;
                gaps[name] = metrics;
            }
        }

        return gaps;
    }

    private static bool NeedsNeighbours(int? baseline) => baseline is { } given && Baselines[given].Needs.HasFlag(BaselineNeeds.Neighbours);

    private Ranking RankBy(int baseline, ParseResult parsed, RankingData data, JsonObject report)
    {
        var start = Stopwatch.GetTimestamp();
        var neighbours = _neighbours.In(parsed);
        var score = Baselines[baseline].Learn(new(data.Rows.Items.Count) { Histories = data.Met, Neighbours = neighbours });
        report["settings"] = WithFiles(
            parsed,
            new() { ["baseline"] = _baseline.WordFor(baseline), ["neighbours"] = NeedsNeighbours(baseline) ? neighbours : null }
        );
        report["epochs"] = new JsonArray();
        report["bestEpoch"] = null;
        report["trainSeconds"] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (evaluator, queries) => evaluator.Evaluate(queries, score);
    }

    private Ranking Train(
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
            LossRows.Singles => positives.Count * (1L + negatives),
            LossRows.Pairs => (long)positives.Count * negatives,
            LossRows.Blocks => positives.Count,
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
        var ranker = new ItemRanker(result.Model, data.Rows.Items, FactorizationKernel.ByName(settings.KernelName!));
        return (evaluator, queries) => Ranked(() => evaluator.Evaluate(queries, ranker, data.Rows.Users, data.Rows.Contexts, cancellation));
    }

    /// <summary>Trains along what users chose, one after the other.</summary>
    private Ranking TrainAlongSequences(
        TrainingSettings settings,
        HistorySettings? history,
        ParseResult parsed,
        RankingData data,
        OutputFile? modelFile,
        ProgressLog log,
        JsonObject report,
        CancellationToken cancellation
    )
    {
        settings = _histories.Complete(settings, parsed) with { Negatives = parsed.GetValue(_negatives) };
        var excludesSeen = _histories.ExcludeSeen.In(parsed) == SeenItems.OfUser;
        var histories = new Histories(data.Rows, history, data.Train, data.Valid);
        var train = histories.Train;
        var start = Stopwatch.GetTimestamp();
        JsonArray? trial = null;
        TrainingResult result;
        if (data.Valid is null && train.HoldOutLast(SampleOf(train)) is (var some, { } holdout))
        {
            log.Line($"without the last pair of {Figures.Counted(holdout.SequenceCount, "user")}, to see how many epochs are best:");
            var ofSome = Fit(settings, some, holdout);
            trial = Report.Epochs(ofSome, settings.Loss.Function(), train.Count);
            log.Line($"best epoch {ofSome.BestEpoch}; with all pairs:");
            result = Fit(settings with { Epochs = ofSome.BestEpoch }, train, null);
        }
        else
        {
            result = Fit(settings, train, histories.Valid);
        }

        var trainSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        log.Line($"best epoch {result.BestEpoch}");
        _model.Write(parsed, modelFile, result.Model);

        if (trial is not null)
        {
            report["trialEpochs"] = trial;
        }

        var described = _training.Describe(settings);
        described["negatives"] = settings.Negatives;
        described["itemFeatureField"] = parsed.GetValue(_itemFeatureField);
        _histories.Describe(parsed, history, described);
        report["settings"] = WithFiles(parsed, described);
        report["epochs"] = Report.Epochs(result, settings.Loss.Function(), train.Count);
        report["bestEpoch"] = result.BestEpoch;
        report["trainSeconds"] = trainSeconds;
        var ranker = new ItemRanker(result.Model, data.Rows.Items, FactorizationKernel.ByName(settings.KernelName!), data.Rows.Roles);
        var pooling = history is null ? null : new HistoryPooling(history, data.Rows.Roles!);
        return (evaluator, queries) =>
            Ranked(() =>
                evaluator.Evaluate(
                    queries,
                    (query, scores) =>
                    {
                        var request = new RowBuffer();
                        request.Append(data.Rows.Users[query.User]);
                        var pooled = pooling is null ? PooledHistory.None : histories.Pool(pooling, query, data.TimeOf(query));
                        request.Append(pooled.Row);
                        if (data.Rows.Contexts is { } contexts)
                        {
                            request.Append(contexts[query.Context]);
                        }

                        ranker.ScoreAll(request.Row, scores, pooled.Repeats);
                    },
                    cancellation
                )
            );

        TrainingResult Fit(TrainingSettings settings, SequenceSet train, SequenceSet? valid) =>
            log.Epochs(settings, train.Count, progress =>
                TrainingOptions.Train(() =>
                    new SequenceTrainer(settings, history) { ExcludesSeen = excludesSeen }.Train(
                        data.Rows.Space,
                        train,
                        valid,
                        data.Rows.Index,
                        progress: progress,
                        cancellationToken: cancellation
                    )
                )
            );
    }

    /// <summary>Which users the number of epochs is chosen by: all, or as many as are enough, evenly spread.</summary>
    private static Func<int, bool> SampleOf(SequenceSet train)
    {
        const int Most = 2_000;
        var step = Math.Max(1, (train.SequenceCount + Most - 1) / Most);
        return sequence => sequence % step == 0;
    }

    private static RankingFigures? Ranked(Func<RankingFigures?> rank)
    {
        try
        {
            return rank();
        }
        catch (ArithmeticException refusal) when (refusal is not (OverflowException or DivideByZeroException))
        {
            throw new CommandFailedException($"the model cannot rank: {refusal.Message}", refusal);
        }
    }

    private JsonObject WithFiles(ParseResult parsed, JsonObject settings)
    {
        settings["excludeSeen"] = parsed.GetValue(_histories.ExcludeSeen);
        settings["times"] = parsed.GetValue(_histories.Times);
        foreach (var file in new[] { _train, _valid, _test, _itemFeatures, _userFeatures, _candidates, _exclude, _model })
        {
            settings[Options.KeyOf(file)] = parsed.GetValue(file);
        }

        return settings;
    }
}
