using System.CommandLine;
using RecService.Cli.Files;
using RecService.Engine.Model;

namespace RecService.Cli.Commands;

/// <summary>Where a trained model goes.</summary>
internal sealed class ModelOption : Option<string?>
{
    public ModelOption()
        : base("--model")
    {
        Description = "Where to write the model; the extension tells the format: .rfm, .safetensors, or .onnx and .txt, which can be written only.";
        HelpName = "FILE";
        Validators.Add(result =>
        {
            if (result.Tokens is [.., var path] && ModelFiles.FormatOf(path.Value) is null)
            {
                result.AddError($"--model is '{path.Value}'; its extension must be {ModelFiles.Extensions}.");
            }
        });
    }

    /// <summary>Opens the file if it is given.</summary>
    public OutputFile? Open(ParseResult parsed) => OutputFile.OpenIfGiven(parsed.GetValue(this));

    /// <summary>Writes the model to the file that was opened, if any.</summary>
    public void Write(ParseResult parsed, OutputFile? file, FactorizationModel model)
    {
        if (file is not null)
        {
            ModelFiles.Write(file, ModelFiles.FormatOf(parsed.GetValue(this)!)!.Value, model);
        }
    }
}
