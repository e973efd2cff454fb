namespace RecService.Cli.Commands;

/// <summary>Ends a command with a message for the user and exit code 1.</summary>
internal sealed class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Of what the engine refuses, less the name of the parameter, which says nothing to the user.</summary>
    public static CommandFailedException For(ArgumentException refusal, string place) =>
        new(place + refusal.Message.Replace($" (Parameter '{refusal.ParamName}')", "", StringComparison.Ordinal), refusal);
}
