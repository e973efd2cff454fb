using System.Text;

namespace RecService.Cli.Commands;

/// <summary>Where a command reads, writes its results and writes what goes on, so that none of them touches the process's own streams.</summary>
internal sealed record StandardStreams(Stream Input, TextWriter Output, TextWriter Error, bool OutputIsTerminal = false, bool ErrorIsTerminal = false)
    : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Those of the process. What goes to a pipe is written in blocks, unless it is flushed.</summary>
    public static StandardStreams OfProcess()
    {
        var output = new StreamWriter(Console.OpenStandardOutput(), Utf8, bufferSize: 64 * 1024) { AutoFlush = !Console.IsOutputRedirected };
        return new(Console.OpenStandardInput(), output, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected);
    }

    public void Dispose()
    {
        Input.Dispose();
        Output.Dispose();
    }
}
