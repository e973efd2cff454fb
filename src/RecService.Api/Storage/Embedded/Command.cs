using System.ComponentModel;
using System.Diagnostics;

namespace RecService.Api.Storage.Embedded;

/// <summary>A short-lived program, run to its end.</summary>
internal static class Command
{
    public static async Task<CommandResult> RunAsync(IReadOnlyList<string> commandLine, CancellationToken cancellationToken)
    {
        using var process = Start(commandLine);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
            return new(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    public static async Task RunCheckedAsync(IReadOnlyList<string> commandLine, CancellationToken cancellationToken)
    {
        var result = await RunAsync(commandLine, cancellationToken);
        if (result.ExitCode != 0)
        {
            throw new StartupException(
                $"'{string.Join(' ', commandLine)}' failed with exit code {result.ExitCode}: {(result.Error + result.Output).Trim()}"
            );
        }
    }

    /// <summary>Starts a program with all three standard streams redirected.</summary>
    public static Process Start(IReadOnlyList<string> commandLine)
    {
        var start = new ProcessStartInfo(commandLine[0], commandLine.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // The caller's directory may be one that the unprivileged user cannot enter.
            WorkingDirectory = "/",
        };
        start.Environment["LC_ALL"] = "C";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new StartupException(
                $"The embedded PostgreSQL needs the program '{commandLine[0]}', which could not be started: {exception.Message}",
                exception
            );
        }
    }
}

internal readonly record struct CommandResult(int ExitCode, string Output, string Error);
