using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Microsoft.Extensions.Options;
using RecService.Client;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Training;

namespace RecService.Cli.Commands;

/// <summary>
/// How every command ends: 0; 1 with a line on standard error when it fails; 2 with a line on standard error when it was not called as it wants to
/// be; 130 when it was
/// interrupted.
/// </summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int Misused = 2;
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(string[] args, StandardStreams streams)
    {
        var root = new RootCommand("Trains, evaluates and applies factorization machines on files, and shows the recommendation service RecService.")
        {
            TrainCommand.Create(streams),
            PredictCommand.Create(streams),
            EvaluateCommand.Create(streams),
            RankCommand.Create(streams),
            ConvertCommand.Create(streams),
            GenerateCommand.Create(streams),
            ImportCommand.Create(streams),
            DemoCommand.Create(),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExample((HelpAction)help.Action!);

        var parsed = root.Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            var reason = parsed.UnmatchedTokens is [var word, ..] ? $"'{word}' is no command, and no option of one." : parsed.Errors[0].Message;
            var command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            await streams.Error.WriteLineAsync($"recservice: {reason} See 'recservice{command} --help'.");
            return Misused;
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = streams.Output,
                Error = streams.Error,
                EnableDefaultExceptionHandler = false,
            };
            var status = await parsed.InvokeAsync(configuration);
            await streams.Output.FlushAsync();
            return status == Interrupted ? Interrupt(streams) : status;
        }
        catch (OperationCanceledException)
        {
            return Interrupt(streams);
        }
        catch (Exception failure) when (ReasonOf(failure) is { } reason)
        {
            await streams.Error.WriteLineAsync($"recservice: {reason.ReplaceLineEndings(" ")}");
            return Failed;
        }
    }

    /// <summary>Has a command do its work on another thread, so that an interruption is answered whatever the work is at.</summary>
    public static void SetWork(this Command command, Action<ParseResult, CancellationToken> work) =>
        command.SetAction(
            (parsed, cancellation) =>
                Task.Run(
                    () =>
                    {
                        work(parsed, cancellation);
                        return 0;
                    },
                    cancellation
                )
        );

    /// <summary>Ends a command that was interrupted, and perhaps left at what it was doing, with the cursor hidden behind a progress bar.</summary>
    private static int Interrupt(StandardStreams streams)
    {
        const string ShowCursor = "\e[?25h";
        if (streams.OutputIsTerminal)
        {
            streams.Output.Write(ShowCursor);
        }

        if (streams.ErrorIsTerminal)
        {
            streams.Error.Write(ShowCursor);
        }

        return Interrupted;
    }

    /// <summary>Why a command failed, for the user; null for what can only be a mistake in the program.</summary>
    private static string? ReasonOf(Exception failure) =>
        failure switch
        {
            CommandFailedException
            or RecServiceException
            or HttpRequestException
            or OptionsValidationException
            or DataFormatException
            or ModelFormatException
            or TrainingDivergedException
            or IOException
            or UnauthorizedAccessException => failure.Message,
            _ => null,
        };
}
