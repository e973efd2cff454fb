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

    /// <summary>Fails where the model could not be written, which had better be known before it is trained.</summary>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(this) is { } path && Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
            throw new CommandFailedException($"there is no folder {folder} for the model");
    }

    public void Write(ParseResult parsed, FactorizationModel model)
    {
        if (parsed.GetValue(this) is { } path)
            ModelFiles.Write(path, ModelFiles.FormatOf(path)!.Value, model);
    }
}
