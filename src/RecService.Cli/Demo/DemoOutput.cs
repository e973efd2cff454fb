using System.Globalization;
using Spectre.Console;
using RecService.Cli.Service;

namespace RecService.Cli.Demo;

/// <summary>Prints in colour, with rules and progress bars, on a terminal; plain lines in a pipe.</summary>
internal sealed class DemoOutput
{
    private const int WidthInPipe = 200;

    private readonly IAnsiConsole _console;
    private readonly bool _terminal = !Console.IsOutputRedirected;

    public DemoOutput()
    {
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = _terminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = _terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = _terminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!_terminal)
        {
            _console.Profile.Width = WidthInPipe;
        }
    }

    public static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Number(double value) => value.ToString("0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture);

    public void Line(string text = "") => _console.WriteLine(text);

    public void Heading(string text)
    {
        _console.WriteLine();
        if (_terminal)
        {
            _console.Write(new Rule($"[bold]{Markup.Escape(text)}[/]").LeftJustified());
        }
        else
        {
            _console.WriteLine(text);
        }
    }

    /// <summary>A table whose columns are aligned to the right where the heading begins with '&gt;'.</summary>
    public void Table(string[] headings, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = _terminal ? TableBorder.Simple : TableBorder.None };
        foreach (var heading in headings)
        {
            var column = new TableColumn(Markup.Escape(heading.TrimStart('>'))).PadRight(2);
            table.AddColumn(heading.StartsWith('>') ? column.RightAligned() : column);
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        }

        _console.Write(table);
    }

    public void EpochHeading() => _console.WriteLine("  phase  epoch   train loss   holdout loss   seconds", new Style(decoration: Decoration.Bold));

    public void Epoch(TrainingEpoch epoch) =>
        _console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {epoch.Phase,-5}  {epoch.Epoch,5}   {epoch.TrainLoss,10:0.000000}   {epoch.HoldoutLoss,12:0.000000}   {epoch.Seconds,7:0.00}"));

    /// <summary>Runs a step that reports how far it is, with a progress bar on a terminal and a line at its end.</summary>
    public async Task<T> ProgressAsync<T>(string what, long total, Func<Action<long>, Task<T>> step, Func<T, string> summary)
    {
        T result = default!;
        if (_terminal)
        {
            await _console.Progress().AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .StartAsync(async context =>
                {
                    var task = context.AddTask(Markup.Escape(what), maxValue: Math.Max(total, 1));
                    result = await step(done => task.Value = done);
                });
        }
        else
        {
            result = await step(_ => { });
        }

        _console.WriteLine($"  {what,-12}  {summary(result)}");
        return result;
    }
}
