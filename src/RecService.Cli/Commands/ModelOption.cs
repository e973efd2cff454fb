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
        Description = "Where to write the model; the extension tells the format: .rfm, .safetensors, or .txt, which can be written only.";
        HelpName = "FILE";
        Validators.Add(result =>
        {
            if (result.Tokens is [.., var path] && ModelFiles.FormatOf(path.Value) is null)
                result.AddError($"--model is '{path.Value}'; its extension must be {ModelFiles.Extensions}.");
        });
    }

    /// <inheritdoc cref="OutputFile.CheckFolder"/>
    public void Check(ParseResult parsed) => OutputFile.CheckFolder(parsed.GetValue(this), "model");

    public void Write(ParseResult parsed, FactorizationModel model)
    {
        if (parsed.GetValue(this) is { } path)
            ModelFiles.Write(path, ModelFiles.FormatOf(path)!.Value, model);
    }
}
