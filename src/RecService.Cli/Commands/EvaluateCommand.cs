using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Cli.Commands;

/// <summary><c>recservice evaluate</c>.</summary>
internal static class EvaluateCommand
{
    public static Command Create(StandardStreams streams)
    {
        var model = Options.RequiredFile("--model", "The model: .rfm or .safetensors.");
        var data = Options.RequiredFile("--data", "Rows as 'train' takes them.");
        var userFields = Options.UserFields();
        var labels = new Labels();
        var json = Options.Json();
        var command = new CommandWithExample(
            "evaluate",
            "Measures a model on rows in a file: RMSE and MAE, or log loss and AUC, or the AUC by user, as the model's loss wants it.",
            "recservice evaluate --model model.rfm --data test.ffm --json"
        )
        {
            model,
            data,
            userFields,
            labels.Option,
            json,
        };
        command.SetWork(
            (parsed, _) =>
            {
                var log = ProgressLog.Of(streams, parsed.GetValue(json));
                var scorer = new Scorer(ModelFiles.Read(parsed.GetValue(model)!, streams.Input));
                var loss = scorer.Model.Loss.Function();
                var start = Stopwatch.GetTimestamp();
                var path = parsed.GetValue(data)!;
                var given = log.While($"reading {path}", () => DataFiles.Read(path, streams.Input, scorer.Model.Space));
                var rows = labels.Read(parsed, given, loss);
                var parseSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                log.Line(Figures.Describe(rows));

                var metrics =
                    loss.Predicts == PredictionKind.Order
                        ? TestMetrics.OfOrder(scorer, rows, new PairwiseRows(rows.Space, parsed.GetValue(userFields)!).UsersOf(rows.Examples))
                        : TestMetrics.OfPredictions(scorer, rows);
                log.Line($"test {TestMetrics.Text(metrics)}");
                if (parsed.GetValue(json))
                {
                    var settings = new JsonObject
                    {
                        ["model"] = parsed.GetValue(model),
                        ["data"] = path,
                        ["loss"] = loss.Word,
                    };
                    if (loss.Predicts == PredictionKind.Order)
                    {
                        settings[Options.KeyOf(userFields)] = Report.Texts(PairwiseRows.UserFieldsOf(rows.Space, parsed.GetValue(userFields)!));
                    }

                    Report.Write(
                        streams.Output,
                        new()
                        {
                            ["settings"] = settings,
                            ["rows"] = rows.Examples.Count,
                            ["unknownEntries"] = rows.UnknownEntries,
                            ["test"] = metrics,
                            ["parseSeconds"] = parseSeconds,
                            ["peakMemoryBytes"] = Report.PeakMemoryBytes(),
                        }
                    );
                }
            }
        );
        return command;
    }
}
