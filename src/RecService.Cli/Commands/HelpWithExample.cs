using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace RecService.Cli.Commands;

/// <summary>A command with an example of its use.</summary>
internal sealed class CommandWithExample(string name, string description, string example) : Command(name, description)
{
    public string Example { get; } = example;
}

/// <summary>The help of a command, followed by its example.</summary>
internal sealed class HelpWithExample(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var status = help.Invoke(parseResult);
        if (parseResult.CommandResult.Command is CommandWithExample command)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"Example:\n  {command.Example.ReplaceLineEndings("\n  ")}\n");
        }

        return status;
    }
}
