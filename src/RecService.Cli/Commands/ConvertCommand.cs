using System.CommandLine;
using RecService.Cli.Files;

namespace RecService.Cli.Commands;

/// <summary><c>recservice convert</c>.</summary>
internal static class ConvertCommand
{
    public static Command Create(StandardStreams streams)
    {
        var input = Options.RequiredFile(
            "--in",
            "Rows (libfm or libsvm text, libffm text, a cache; - for standard input) or a model (.rfm, .safetensors), told apart by the content."
        );
        var output = Options.RequiredFile(
            "--out",
            "Where to write; the extension tells the format: of rows .libfm, .libsvm or .svm, .ffm or .libffm, .cache; "
                + $"of a model {ModelFiles.Extensions}. With .gz behind it, it is compressed."
        );
        var format = Options.DataFormat();
        var command = new CommandWithExample(
            "convert",
            "Converts rows between text and the binary cache, which loads several times as fast, and models between formats.",
            "recservice convert --in train.ffm --out train.cache\nrecservice convert --in model.rfm --out model.onnx"
        )
        {
            input,
            output,
            format,
        };
        command.SetWork(
            (parsed, _) =>
            {
                var path = parsed.GetValue(output)!;
                using var file = InputFile.Open(parsed.GetValue(input)!, streams.Input);
                if (ModelFiles.IsStartOf(file.Start))
                {
                    var modelFormat = ModelFiles.FormatOf(path);
                    if (modelFormat is null || format.In(parsed) is not null)
                    {
                        throw new CommandFailedException(
                            $"{file.Name} holds a model: the extension of --out must be {ModelFiles.Extensions}, and --format is for rows"
                        );
                    }

                    using var modelFile = OutputFile.Open(path);
                    ModelFiles.Write(modelFile, modelFormat.Value, ModelFiles.Read(file));
                    return;
                }

                var dataFormat = format.In(parsed) ?? DataFiles.FormatFor(path);
                using var dataFile = OutputFile.Open(path);
                var data = DataFiles.Read(file);
                DataFiles.Write(dataFile, dataFormat, data.Space, data.Examples);
            }
        );
        return command;
    }
}
