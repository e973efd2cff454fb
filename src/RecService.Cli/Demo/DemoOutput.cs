using System.Globalization;
using RecService.Client;
using Spectre.Console;

namespace RecService.Cli.Demo;

/// <summary>Prints in colour, with rules and progress bars, on a terminal; plain lines in a pipe.</summary>
internal sealed class DemoOutput
{
    private const int WidthInPipe = 10_000;

    private readonly IAnsiConsole _console;
    private readonly bool _terminal = !Console.IsOutputRedirected;

    public DemoOutput()
    {
        _console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = _terminal ? AnsiSupport.Detect : AnsiSupport.No,
                ColorSystem = _terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
                Interactive = _terminal ? InteractionSupport.Detect : InteractionSupport.No,
            }
        );
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
    public void Table(string[] headings, IReadOnlyList<string[]> rows)
    {
        var names = headings.Select(heading => heading.TrimStart('>')).ToArray();
        var right = headings.Select(heading => heading.StartsWith('>')).ToArray();
        if (!_terminal)
        {
            PlainTable([names, .. rows], right);
            return;
        }

        var table = new Table { Border = TableBorder.Simple };
        for (var column = 0; column < names.Length; column++)
        {
            table.AddColumn(new TableColumn(Markup.Escape(names[column])) { Alignment = right[column] ? Justify.Right : Justify.Left });
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        }

        _console.Write(table);
    }

    private void PlainTable(IReadOnlyList<string[]> rows, bool[] right)
    {
        var widths = Enumerable.Range(0, right.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            var cells = row.Select((cell, column) => right[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            _console.WriteLine($"  {string.Join("  ", cells)}".TrimEnd());
        }
    }

    public void EpochHeading() => _console.WriteLine("  phase  epoch   train loss   holdout loss   holdout NDCG   seconds", new Style(decoration: Decoration.Bold));

    public void Epoch(TrainingEpoch epoch) =>
        _console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"  {(epoch.Phase is TrainingPhase.Fit ? "fit" : "refit"),-5}  {epoch.Epoch,5}   {epoch.TrainLoss,10:0.000000}   {epoch.HoldoutLoss,12:0.000000}   {epoch.HoldoutNdcg,12:0.000000}   {epoch.Seconds,7:0.00}"
            )
        );

    /// <summary>Runs a step that reports how far it is, with a progress bar on a terminal and a line at its end.</summary>
    public async Task<T> ProgressAsync<T>(string what, long total, Func<Action<long>, Task<T>> step, Func<T, string> summary)
    {
        T result = default!;
        if (_terminal)
        {
            await _console
                .Progress()
                .AutoClear(true)
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
