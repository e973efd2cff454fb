using System.Text;
using RecService.Cli.Commands;
using RecService.Engine.Model;
using RecService.Engine.Training;

namespace RecService.Cli.Files;

/// <summary>The kinds of files that hold models.</summary>
internal enum ModelFormat
{
    Rfm,
    Safetensors,
    Onnx,
    Text,
}

/// <summary>Files of models: those to read are told apart by their content, those to write by their extension.</summary>
internal static class ModelFiles
{
    public const string Extensions = ".rfm, .safetensors, .onnx or .txt";

    private const int SafetensorsPrefix = 8;

    /// <summary>Whether a file that starts with these bytes holds a model that can be read.</summary>
    public static bool IsStartOf(ReadOnlySpan<byte> bytes) => ModelFile.IsStartOf(bytes) || IsSafetensors(bytes);

    public static FactorizationModel Read(string path, Stream standardInput)
    {
        using var file = InputFile.Open(path, standardInput);
        return Read(file);
    }

    public static FactorizationModel Read(InputFile file) =>
        Read(file, content => IsSafetensors(file.Start) ? SafetensorsFile.Import(content) : ModelFile.Load(content));

    /// <summary>Reads the state of a training, or a model as the state of one of which nothing else is known.</summary>
    public static TrainingState ReadState(string path, Stream standardInput)
    {
        using var file = InputFile.Open(path, standardInput);
        return IsStartOf(file.Start) ? TrainingState.Of(Read(file)) : Read(file, TrainingState.Load);
    }

    public static void Write(OutputFile file, ModelFormat format, FactorizationModel model) =>
        file.Write(content =>
        {
            switch (format)
            {
                case ModelFormat.Rfm:
                    ModelFile.Save(content, model);
                    break;
                case ModelFormat.Safetensors:
                    SafetensorsFile.Export(content, model);
                    break;
                case ModelFormat.Onnx:
                    OnnxFile.Export(content, model);
                    break;
                default:
                    using (var text = new StreamWriter(content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 64 * 1024))
                    {
                        ModelText.Export(text, model);
                    }

                    break;
            }
        });

    /// <summary>The format that the extension of a file tells; null when it tells none.</summary>
    public static ModelFormat? FormatOf(string path) =>
        OutputFile.ExtensionOf(path) switch
        {
            ".rfm" => ModelFormat.Rfm,
            ".safetensors" => ModelFormat.Safetensors,
            ".onnx" => ModelFormat.Onnx,
            ".txt" => ModelFormat.Text,
            _ => null,
        };

    private static T Read<T>(InputFile file, Func<Stream, T> read)
    {
        try
        {
            return read(file.Content);
        }
        catch (Exception refusal) when (refusal is ModelFormatException or InvalidDataException)
        {
            throw new CommandFailedException($"{file.Name}: {refusal.Message}", refusal);
        }
    }

    private static bool IsSafetensors(ReadOnlySpan<byte> bytes) => bytes.Length > SafetensorsPrefix && bytes[SafetensorsPrefix] == '{';
}
