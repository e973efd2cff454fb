using RecService.Cli.Commands;
using RecService.Engine.Losses;
using RecService.Engine.Training;
using Spectre.Console;

namespace RecService.Cli.Output;

/// <summary>Says what goes on: by lines, and on a terminal with something that moves while it lasts.</summary>
/// <param name="writer">Where to.</param>
/// <param name="isTerminal">Whether that is a terminal.</param>
internal sealed class ProgressLog(TextWriter writer, bool isTerminal)
{
    /// <summary>The log of a command: to standard output, or to standard error where the former is for an object of JSON alone.</summary>
    public static ProgressLog Of(StandardStreams streams, bool json) =>
        json ? new(streams.Error, streams.ErrorIsTerminal) : new(streams.Output, streams.OutputIsTerminal);

    public void Line(string text = "")
    {
        writer.WriteLine(text);
        writer.Flush();
    }

    /// <summary>Does something of which nobody knows how far it is.</summary>
    public T While<T>(string what, Func<T> work) => isTerminal ? Terminal().Status().Start(Markup.Escape(what), _ => work()) : work();

    /// <summary>Trains, with a line for each epoch and on a terminal a bar for all of them.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="rows">Rows, or pairs of rows, that an epoch learns from.</param>
    /// <param name="train">Trains, and tells each epoch.</param>
    public TrainingResult Epochs(TrainingSettings settings, long rows, Func<Action<EpochReport>, TrainingResult> train)
    {
        var loss = settings.Loss.Function();
        var speed = loss.Rows switch
        {
            LossRows.Singles or LossRows.Blocks => "M rows/s",
            LossRows.Pairs => "M pairs/s",
        };
        Line($"epoch  {"train " + loss.FigureName,15}  {"valid " + loss.FigureName,15}  seconds  {speed,9}");
        if (!isTerminal)
        {
            return train(epoch => Line(Text(epoch)));
        }

        var console = Terminal();
        return console
            .Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask("training", maxValue: settings.Epochs);
                return train(epoch =>
                {
                    console.WriteLine(Text(epoch));
                    bar.Increment(1);
                });
            });

        string Text(EpochReport epoch)
        {
            var trainLoss = Figures.Metric(loss.Reported(epoch.TrainLoss));
            var validLoss = Figures.Metric(epoch.HoldoutLoss is { } mean ? loss.Reported(mean) : null);
            var seconds = epoch.LearningTime.TotalSeconds;
            var text = FormattableString.Invariant(
                $"{epoch.Epoch,5}  {trainLoss,15}  {validLoss,15}  {seconds,7:0.000}  {rows / seconds / 1e6,9:0.00}"
            );
            return epoch.Ranking is { } ranking
                ? text + FormattableString.Invariant($"  HR@10 {ranking.HitRate:0.0000}  NDCG@10 {ranking.Ndcg:0.0000}  NDCG {ranking.FullNdcg:0.0000}")
                : text;
        }
    }

    private IAnsiConsole Terminal() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
}
