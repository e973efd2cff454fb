using System.CommandLine;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Cli.Commands;

/// <summary><c>recservice train</c>.</summary>
internal sealed class TrainCommand
{
    private static readonly string OfPairs = string.Join(
        " or ",
        LossNames.All.Select(loss => loss.Function()).Where(loss => loss.Rows == LossRows.Pairs).Select(loss => loss.Word)
    );

    /// <summary>Those that rows say enough for.</summary>
    private static readonly Loss[] Losses = [.. LossNames.All.Where(loss => loss.Function().Rows != LossRows.Blocks)];

    private readonly Option<string?> _train = Options.RequiredFile(
        "--train",
        "Rows to learn from: libfm or libsvm text, libffm text, or a cache by 'recservice convert'; as such or gzipped; - for standard input."
    );

    private readonly Option<string?> _valid = Options.File("--valid", "Rows that tell when to stop and which epoch to keep.");
    private readonly Option<string?> _test = Options.File("--test", "Rows to measure the model by.");
    private readonly ModelOption _model = new();
    private readonly Option<string?> _warmStart = Options.File(
        "--warm-start",
        "A state or model to start from. Features are the same by field and number; new ones start as ever, those that are gone are dropped."
    );

    private readonly Option<string?> _state = Options.File(
        "--state",
        "Where to write the state: the model with the solver's sums, for a later --warm-start."
    );

    private readonly Option<bool> _json = Options.Json();
    private readonly Option<string[]> _userFields = Options.UserFields();
    private readonly NumberOption<int> _negatives = Options.Negatives($"With --loss {OfPairs}: negatives drawn for each positive, in each epoch anew.", 1);
    private readonly EpochTrial _trial = new();
    private readonly Labels _labels = new();
    private readonly ChoiceOption<bool> _standardize = new(
        "--standardize",
        "Whether columns with numbers outside of -1 to 1 are brought to mean 0 and deviation 1 for training. The model takes rows as they are. Without --state and --warm-start.",
        "on",
        ("on", true),
        ("off", false)
    );

    private readonly TrainingOptions _training = new(16, null, Loss.Squared, Losses);

    public static Command Create(StandardStreams streams)
    {
        var options = new TrainCommand();
        var command = new CommandWithExample(
            "train",
            "Trains a model on rows in files, measures it and writes it.",
            "recservice train --train train.ffm --test test.ffm --loss squared --solver adagrad --k 16 --model model.rfm"
        )
        {
            options._train,
            options._valid,
            options._test,
            options._model,
            options._trial.Option,
            options._labels.Option,
            options._standardize,
            options._warmStart,
            options._state,
        };
        options._training.AddTo(command);
        command.Add(options._negatives);
        command.Add(options._userFields);
        command.Add(options._json);
        command.Validators.Add(result =>
        {
            var forPairs = new Option[] { options._negatives, options._userFields }.FirstOrDefault(result.IsGiven);
            if (forPairs is not null && options._training.Loss.In(result)?.Function().Rows != LossRows.Pairs)
            {
                result.AddError($"{forPairs.Name} is for --loss {OfPairs} only.");
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
        using var stateFile = OutputFile.OpenIfGiven(parsed.GetValue(_state));
        OutputFile.CheckApart(modelFile, stateFile, $"{_model.Name} and {_state.Name}");

        var start = Stopwatch.GetTimestamp();
        var loss = settings.Loss.Function();
        var given = ReadAsGiven(_train)!;
        var train = _labels.Read(parsed, given, loss);
        if (loss.Rows == LossRows.Singles)
        {
            _labels.CheckKinds(parsed, train, given, loss);
        }

        var valid = Read(_valid, train.Space);
        var test = Read(_test, train.Space);
        var from = parsed.GetValue(_warmStart) is { } former ? ModelFiles.ReadState(former, streams.Input) : null;
        var parseSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        if (from is not null)
        {
            CheckStart(from.Model, train, settings, streams);
        }

        settings = settings with { Crossing = CrossingFor(train, parsed) };
        var standardization =
            _standardize.In(parsed) == true && stateFile is null && from is null ? Standardization.Of(train.Space, train.Examples) : null;
        if (standardization is not null)
        {
            log.Line($"{Figures.Counted(standardization.Columns.Count, "column")} of numbers standardised");
        }

        var task = loss.Rows switch
        {
            LossRows.Singles => TaskOfRows(Scaled(train), Scaled(valid), test),
            LossRows.Pairs => TaskOfPairs(parsed, Scaled(train), Scaled(valid), test, settings.Seed),
            LossRows.Blocks => throw new InvalidOperationException($"There is no way to {loss.Word} from rows."),
        };
        start = Stopwatch.GetTimestamp();
        var (result, trial, heldOut) = loss.Rows == LossRows.Singles ? TrainRows() : (Fit(task.Train, task.Valid, null), null, 0);
        var trainSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var model = standardization?.ToModelOfRows(result.Model) ?? result.Model;
        _model.Write(parsed, modelFile, model);
        stateFile?.Write(result.State!.Save);
        var metrics = task.Measure?.Invoke(new Scorer(model, FactorizationKernel.ByName(settings.KernelName!)));

        var warnings = Warnings(trial ?? result, loss);
        foreach (var warning in warnings)
        {
            log.Line($"warning: {warning}");
        }

        log.Line($"best epoch {result.BestEpoch}{(metrics is null ? "" : $"; test {TestMetrics.Text(metrics)}")}");
        if (json)
        {
            Report.Write(
                streams.Output,
                new()
                {
                    ["settings"] = SettingsOf(parsed, settings, train.Space),
                    ["rows"] = new JsonObject
                    {
                        ["train"] = train.Examples.Count,
                        ["valid"] = valid?.Examples.Count,
                        ["test"] = test?.Examples.Count,
                    },
                    ["features"] = train.Space.ColumnCount,
                    ["fields"] = train.Space.FieldCount,
                    ["standardizedColumns"] = standardization?.Columns.Count ?? 0,
                    ["unknownEntries"] = new JsonObject { ["valid"] = valid?.UnknownEntries, ["test"] = test?.UnknownEntries },
                    ["epochs"] = Report.Epochs(result, loss, task.RowsPerEpoch),
                    ["startValidMetric"] = result.StartHoldoutLoss is { } startLoss ? loss.Reported(startLoss) : null,
                    ["bestEpoch"] = result.BestEpoch,
                    ["trial"] = trial is null
                        ? null
                        : new JsonObject
                        {
                            ["heldOut"] = heldOut,
                            ["epochs"] = Report.Epochs(trial, loss, task.RowsPerEpoch - heldOut),
                            ["bestEpoch"] = trial.BestEpoch,
                        },
                    ["constantValidMetric"] = (trial ?? result).ConstantHoldoutLoss is { } constant ? loss.Reported(constant) : null,
                    ["warnings"] = Report.Texts(warnings),
                    ["test"] = metrics,
                    ["parseSeconds"] = parseSeconds,
                    ["trainSeconds"] = trainSeconds,
                    ["peakMemoryBytes"] = Report.PeakMemoryBytes(),
                }
            );
        }

        (TrainingResult, TrainingResult?, int) TrainRows()
        {
            try
            {
                return _trial.Train(parsed, task.Train, task.Valid, settings.Seed, log, Fit);
            }
            catch (TrainingDivergedException diverged)
            {
                var columns = new FileColumns(train.Space);
                throw new CommandFailedException(
                    diverged.ReasonWith(far =>
                    {
                        var place = DataFiles.PlaceOf(parsed.GetValue(far.IsHeldOut ? _valid : _train)!, far.Index);
                        return $"{place}, with {far.Describe(column => EntryName(columns.EntryOf(column)))}";
                    }),
                    diverged
                );
            }
        }

        string EntryName((int Field, int Index) entry) =>
            train.Space.FieldCount > 1 ? FormattableString.Invariant($"{entry.Field}:{entry.Index}") : FormattableString.Invariant($"{entry.Index}");

        TrainingResult Fit(ExampleSet rows, ExampleSet? held, int? lastEpoch) =>
            log.Epochs(settings, task.RowsPerEpoch - (task.Train.Count - rows.Count), progress =>
                TrainingOptions.Train(() =>
                    new Trainer(settings) { KeepsState = stateFile is not null, LastEpoch = lastEpoch }.Train(
                        train.Space,
                        rows,
                        held,
                        task.Negatives,
                        start: from,
                        progress: progress,
                        cancellationToken: cancellation
                    )
                )
            );

        [return: NotNullIfNotNull(nameof(data))]
        DataSet? Scaled(DataSet? data) =>
            data is null || standardization is null ? data : data with { Examples = standardization.Apply(data.Examples) };

        DataSet? Read(Option<string?> option, FeatureSpace space) =>
            ReadAsGiven(option, space) is { } data ? _labels.Read(parsed, data, loss) : null;

        DataSet? ReadAsGiven(Option<string?> option, FeatureSpace? space = null)
        {
            if (parsed.GetValue(option) is not { } path)
            {
                return null;
            }

            var data = log.While($"reading {path}", () => DataFiles.Read(path, streams.Input, space));
            log.Line(Figures.Describe(data));
            return data;
        }
    }

    /// <summary>What whoever trains should know of a training with held-out rows.</summary>
    private static string[] Warnings(TrainingResult result, LossFunction loss)
    {
        var measured = result.Epochs.Select(epoch => epoch.HoldoutLoss).Append(result.StartHoldoutLoss).Min();
        return result is { ConstantHoldoutLoss: { } constant, BeatsConstant: false } && measured is not null
            ?
            [
                FormattableString.Invariant(
                    $"no epoch did clearly better on the held-out rows than a constant: {loss.FigureName} {loss.Reported(measured.Value):0.0000} at best, {loss.Reported(constant):0.0000} by the constant"
                ) + (result.BestEpoch == 0 ? "; the model is that constant" : ""),
            ]
            : [];
    }

    /// <summary>Says how many of the features have been learned from before; some must have been, or the start would do nothing.</summary>
    private void CheckStart(FactorizationModel start, DataSet train, TrainingSettings settings, StandardStreams streams)
    {
        if (start.Loss != settings.Loss || start.Factors != settings.Factors)
        {
            throw new CommandFailedException(
                FormattableString.Invariant(
                    $"{_warmStart.Name} does not fit: it has the loss {start.Loss} and {start.Factors} factors; {settings.Loss} and {settings.Factors} are to be trained"
                )
            );
        }

        if (!settings.CanStartFrom(start.Crossing))
        {
            throw new CommandFailedException(
                $"{_warmStart.Name} does not fit: it is {start.Crossing}; what is to be trained is {settings.Crossing}, whose vectors are others"
            );
        }

        if (start.Features is not null)
        {
            throw new CommandFailedException($"{_warmStart.Name} does not fit: its features have names, those of {train.Name} have none");
        }

        if (!start.Space.Fields.SequenceEqual(train.Space.Fields, StringComparer.Ordinal))
        {
            throw new CommandFailedException(
                $"{_warmStart.Name} does not fit: its fields are {string.Join(", ", start.Space.Fields)}; those of {train.Name} are {string.Join(", ", train.Space.Fields)}"
            );
        }

        var (former, columns) = (new FileColumns(start.Space), new FileColumns(train.Space));
        var kept = Enumerable.Range(0, train.Space.ColumnCount).Select(columns.EntryOf).Count(entry => former.Find(entry.Field, entry.Index) >= 0);
        if (kept == 0)
        {
            throw new CommandFailedException($"{_warmStart.Name} does not fit: it has none of the features of {train.Name}");
        }

        streams.Error.WriteLine($"{_warmStart.Name}: {Figures.Count(kept)} of {Figures.Counted(train.Space.ColumnCount, "feature")} taken over");
    }

    private static TrainingTask TaskOfRows(DataSet train, DataSet? valid, DataSet? test) =>
        new(train.Examples, valid?.Examples, null, train.Examples.Count, test is null ? null : scorer => TestMetrics.OfPredictions(scorer, test));

    private TrainingTask TaskOfPairs(ParseResult parsed, DataSet train, DataSet? valid, DataSet? test, ulong seed)
    {
        var negatives = _negatives.In(parsed);
        var rows = new PairwiseRows(train.Space, parsed.GetValue(_userFields)!);
        var (positives, sampling) = rows.Add(train, negatives);
        var (ofValid, ofTest) = (Held(valid), Held(test));
        return new(
            positives,
            ofValid,
            sampling,
            (long)negatives * positives.Count,
            ofTest is null
                ? null
                : scorer =>
                    TestMetrics.OfPairs(
                        scorer,
                        test! with
                        {
                            Name = $"the pairs of {test.Name}",
                            Examples = ofTest,
                        },
                        ofTest.Rows[sampling.UserBlock]!
                    )
        );

        ExampleSet? Held(DataSet? data)
        {
            if (data is null)
            {
                return null;
            }

            var (held, ofHeld) = rows.Add(data, negatives);
            TrainingOptions.CheckNegatives(held.Count, negatives);
            return ofHeld.Materialize(held, seed);
        }
    }

    private Crossing CrossingFor(DataSet train, ParseResult parsed)
    {
        var crossing = _training.CrossingIn(parsed);
        if (train.Space.FieldCount > 1)
        {
            return crossing ?? Crossing.FieldPooled;
        }

        return crossing is null or Crossing.Plain
            ? Crossing.Plain
            : throw new CommandFailedException(
                $"{train.Name}: all features are of one field, so that no fields cross: --interaction must be plain, or the rows must be of libffm"
            );
    }

    private JsonObject SettingsOf(ParseResult parsed, TrainingSettings settings, FeatureSpace space)
    {
        var described = _training.Describe(settings);
        if (settings.Loss.Function().Rows == LossRows.Pairs)
        {
            described["negatives"] = _negatives.In(parsed);
            described["userFields"] = Report.Texts(PairwiseRows.UserFieldsOf(space, parsed.GetValue(_userFields)!));
        }

        described["standardize"] = parsed.GetValue(_standardize);
        described[Options.KeyOf(_labels.Option)] = _labels.PositiveFrom(parsed);
        described[Options.KeyOf(_trial.Option)] = _trial.ShareIn(parsed);
        foreach (var file in new[] { _train, _valid, _test, _model, _warmStart, _state })
        {
            described[Options.KeyOf(file)] = parsed.GetValue(file);
        }

        return described;
    }

    /// <summary>What there is to learn.</summary>
    /// <param name="Train">The examples to learn from.</param>
    /// <param name="Valid">Those that tell when to stop.</param>
    /// <param name="Negatives">How positives get negatives.</param>
    /// <param name="RowsPerEpoch">Rows, or pairs, that an epoch learns from.</param>
    /// <param name="Measure">Measures what was learned.</param>
    private sealed record TrainingTask(
        ExampleSet Train,
        ExampleSet? Valid,
        NegativeSampling? Negatives,
        long RowsPerEpoch,
        Func<Scorer, JsonObject>? Measure
    );
}
