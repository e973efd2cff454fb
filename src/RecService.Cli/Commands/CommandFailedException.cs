namespace RecService.Cli.Commands;

/// <summary>Ends a command with a message for the user and exit code 1.</summary>
internal sealed class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner);
