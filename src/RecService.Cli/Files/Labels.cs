using System.CommandLine;
using RecService.Cli.Commands;
using RecService.Engine.Data;
using RecService.Engine.Losses;

namespace RecService.Cli.Files;

/// <summary>Which labels are positive, of losses that know two kinds of rows.</summary>
internal sealed class Labels
{
    private readonly NumberOption<float> _positiveFrom = new(
        "--positive-from",
        "Of losses that tell two kinds of rows apart: rows with this label or a higher one are positive; by default those above 0.",
        _ => true,
        "a number"
    );

    /// <summary>The option to add to a command.</summary>
    public Option Option => _positiveFrom;

    /// <summary>What the option says, if anything.</summary>
    public float? PositiveFrom(ParseResult parsed) => parsed.GetValue(_positiveFrom);

    /// <summary>The data with labels that are 1 when positive and 0 else; as they are where the loss predicts something else, or nothing says from where on.</summary>
    public DataSet Read(ParseResult parsed, DataSet data, LossFunction loss)
    {
        var from = parsed.GetValue(_positiveFrom);
        if (loss.Predicts != PredictionKind.Probability)
        {
            return from is null ? data : throw new CommandFailedException($"{_positiveFrom.Name} is of no use with --loss {loss.Word}, which takes targets as they are");
        }

        if (from is not { } least)
        {
            return data;
        }

        var examples = data.Examples;
        float[] labels = [.. examples.Targets.Select(target => target >= least ? 1f : 0f)];
        return data with { Examples = new ExampleSet(examples.Blocks, examples.Rows, labels, examples.Weights) };
    }

    /// <summary>Fails where rows to learn from are all of one kind, so that there is nothing to tell apart.</summary>
    /// <param name="parsed">The options.</param>
    /// <param name="train">The rows, by <see cref="Read"/>.</param>
    /// <param name="given">The same as they are in the file.</param>
    /// <param name="loss">The loss.</param>
    public void CheckKinds(ParseResult parsed, DataSet train, DataSet given, LossFunction loss)
    {
        var positives = train.Examples.Targets.Count(target => target > 0);
        if (loss.Predicts != PredictionKind.Probability || (positives > 0 && positives < train.Examples.Count))
        {
            return;
        }

        var (least, greatest) = (given.Examples.Targets.Min(), given.Examples.Targets.Max());
        var found = least.Equals(greatest)
            ? FormattableString.Invariant($"all labels are {least}")
            : FormattableString.Invariant($"labels are from {least} to {greatest}");
        var from = parsed.GetValue(_positiveFrom) ?? 0;
        throw new CommandFailedException(
            FormattableString.Invariant(
                $"{train.Name}: {found}, {(positives == 0 ? "none" : "all")} of them positive ({(parsed.GetValue(_positiveFrom) is null ? "above" : "at least")} {from}), so that --loss {loss.Word} has nothing to tell apart; {_positiveFrom.Name} says from which label on a row is positive"
            )
        );
    }
}
