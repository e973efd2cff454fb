using System.Diagnostics;
using System.Globalization;

namespace RecService.Cli.Import;

/// <summary>Says on standard error how far an import is: on a terminal in one line that changes, else by a line now and then.</summary>
internal sealed class ImportProgress(TextWriter writer, bool isTerminal)
{
    private readonly TimeSpan _interval = isTerminal ? TimeSpan.FromSeconds(0.2) : TimeSpan.FromSeconds(5);
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _last = Stopwatch.GetTimestamp();
    private bool _isOpen;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <param name="file">The file that is sent.</param>
    /// <param name="rows">How many rows of all files were sent.</param>
    /// <param name="share">How much of the file that is, where it is known.</param>
    public void Update(string file, long rows, double? share)
    {
        if (Stopwatch.GetElapsedTime(_last) < _interval)
        {
            return;
        }

        _last = Stopwatch.GetTimestamp();
        var percent = share is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known,4:0%} of {file}, ") : $"{file}, ";
        var text = string.Create(CultureInfo.InvariantCulture, $"{percent}{rows:N0} rows, {rows / Elapsed.TotalSeconds:N0} a second");
        if (isTerminal)
        {
            writer.Write($"\r\e[K{text}");
            writer.Flush();
            _isOpen = true;
        }
        else
        {
            writer.WriteLine(text);
        }
    }

    public void Line(string text)
    {
        End();
        writer.WriteLine(text);
    }

    /// <summary>Takes away the line that changes.</summary>
    public void End()
    {
        if (_isOpen)
        {
            writer.Write("\r\e[K");
            _isOpen = false;
        }
    }
}
