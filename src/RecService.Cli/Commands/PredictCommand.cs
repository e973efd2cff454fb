using System.CommandLine;
using System.Globalization;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Engine.Data;
using RecService.Engine.Scoring;

namespace RecService.Cli.Commands;

/// <summary><c>recservice predict</c>.</summary>
internal static class PredictCommand
{
    public static Command Create(StandardStreams streams)
    {
        var model = Options.RequiredFile("--model", "The model: .rfm or .safetensors.");
        var data = Options.RequiredFile("--data", "Rows as 'train' takes them; their targets are not used.");
        var output = Options.File("--out", "Where to write the predictions; standard output without it.");
        var scores = Options.Flag(
            "--scores",
            "Write scores: what comes before the sigmoid, or before clipping to the range of the training targets."
        );
        var command = new CommandWithExample(
            "predict",
            "Predicts each row of a file: a value, or a probability, a line.",
            "recservice predict --model model.rfm --data test.ffm --out predictions.txt"
        )
        {
            model,
            data,
            output,
            scores,
        };
        command.SetWork(
            (parsed, cancellation) =>
            {
                using var file = OutputFile.OpenIfGiven(parsed.GetValue(output));
                var scorer = new Scorer(ModelFiles.Read(parsed.GetValue(model)!, streams.Input));
                var rows = DataFiles.Read(parsed.GetValue(data)!, streams.Input, scorer.Model.Space);
                if (file is null)
                {
                    Write(streams.Output, scorer, rows, parsed.GetValue(scores), cancellation);
                    return;
                }

                file.Write(content =>
                {
                    using var writer = new StreamWriter(content, bufferSize: 64 * 1024);
                    Write(writer, scorer, rows, parsed.GetValue(scores), cancellation);
                });
            }
        );
        return command;
    }

    private static void Write(TextWriter writer, Scorer scorer, DataSet rows, bool asScores, CancellationToken cancellation)
    {
        Span<char> line = stackalloc char[32];
        var buffer = new RowBuffer();
        for (var row = 0; row < rows.Examples.Count; row++)
        {
            cancellation.ThrowIfCancellationRequested();
            var score = scorer.Score(rows.Examples.Gather(row, buffer));
            if (!float.IsFinite(score))
            {
                throw TestMetrics.NotFinite(rows.Name, row, score);
            }

            (asScores ? score : scorer.Model.Predict(score)).TryFormat(line, out var length, provider: CultureInfo.InvariantCulture);
            line[length++] = '\n';
            writer.Write(line[..length]);
        }
    }
}
