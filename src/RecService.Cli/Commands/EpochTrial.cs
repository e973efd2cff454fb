using System.CommandLine;
using RecService.Cli.Output;
using RecService.Engine.Data;
using RecService.Engine.Numerics;
using RecService.Engine.Training;

namespace RecService.Cli.Commands;

/// <summary>
/// Finds out by rows that are held out how many epochs to train where no file of rows is there to tell, and whether what is learned is better than a constant.
/// </summary>
internal sealed class EpochTrial
{
    /// <summary>With more rows than this, those held out would add so little that nobody should wait for a second training.</summary>
    private const int MostRowsOfSecond = 100_000;

    /// <summary>Fewer rows than this tell nothing.</summary>
    private const int LeastHeldOut = 20;

    private readonly NumberOption<double> _share = new(
        "--hold-out",
        $"Without --valid, the share of rows that is held out, at random, to tell when to stop. Up to {MostRowsOfSecond:N0} rows, all are trained on once more, for as many epochs. 0 trains all epochs on all rows.",
        number => number is >= 0 and <= 0.5,
        "0 to 0.5",
        0.1
    );

    /// <summary>The option to add to the command.</summary>
    public Option Option => _share;

    /// <summary>What the option says.</summary>
    public double ShareIn(ParseResult parsed) => _share.In(parsed);

    /// <summary>Trains on rows, with a trial first where <paramref name="valid"/> is null.</summary>
    /// <param name="parsed">The options.</param>
    /// <param name="train">All rows to learn from.</param>
    /// <param name="valid">Rows that tell when to stop, if there are any.</param>
    /// <param name="seed">Draws what is held out.</param>
    /// <param name="log">Says what goes on.</param>
    /// <param name="fit">Trains: rows, those that tell when to stop, the last epoch where that is known.</param>
    /// <returns>The last training, and what was held out of it or of the one before.</returns>
    public (TrainingResult Result, TrainingResult? Trial, int HeldOut) Train(
        ParseResult parsed,
        ExampleSet train,
        ExampleSet? valid,
        ulong seed,
        ProgressLog log,
        Func<ExampleSet, ExampleSet?, int?, TrainingResult> fit
    )
    {
        var heldOut = (int)(train.Count * ShareIn(parsed));
        if (valid is not null || heldOut < LeastHeldOut)
        {
            return (fit(train, valid, null), null, 0);
        }

        var order = Enumerable.Range(0, train.Count).ToArray();
        new RandomSource(seed).Shuffle<int>(order);
        log.Line($"without --valid, {Figures.Counted(heldOut, "row")} of {Figures.Count(train.Count)} held out at random tell when to stop");
        var trial = Try();
        if (train.Count > MostRowsOfSecond)
        {
            return (trial, trial, heldOut);
        }

        log.Line($"best epoch {trial.BestEpoch}; now all rows");
        return (fit(train, null, trial.BestEpoch), trial, heldOut);

        TrainingResult Try()
        {
            try
            {
                return fit(train.Select(order.AsSpan(heldOut..)), train.Select(order.AsSpan(..heldOut)), null);
            }
            catch (TrainingDivergedException diverged)
            {
                throw new TrainingDivergedException(
                    diverged.Epoch,
                    [
                        .. diverged.Examples.Select(far =>
                            far with
                            {
                                Index = order[far.IsHeldOut ? far.Index : heldOut + far.Index],
                                IsHeldOut = false,
                            }
                        ),
                    ]
                );
            }
        }
    }
}
