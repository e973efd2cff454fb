using System.CommandLine;

namespace RecService.Cli.Commands;

/// <summary>How every command ends: 0, or 1 with a message on standard error, or 130 when it was interrupted.</summary>
internal static class Cli
{
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        try
        {
            return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (CommandFailedException failure)
        {
            await Console.Error.WriteLineAsync($"recservice: {failure.Message}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
    }
}
