using RecService.Api.Training;
using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Api.Tests.Training;

/// <summary>What the model that is served has learned from, beside the fit that was measured.</summary>
public sealed class SequenceRefitTests
{
    private const int Users = 400;
    private const int EventsOfUser = 8;
    private const int Late = 30;

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    public void The_refit_knows_what_was_held_out(int mostEventsOfRefit)
    {
        var epochs = new List<TrainingEpoch>();

        var (fit, refit) = Run(epochs, mostEventsOfRefit);

        // Nobody but those held out takes the item, and it last.
        Weight(fit).ShouldBe(0);
        Weight(refit).ShouldNotBe(0);
        var refitted = epochs.Where(epoch => epoch.Phase == FitAndRefit.RefitPhase).ToList();
        if (mostEventsOfRefit == 0)
        {
            refitted.ShouldHaveSingleItem();
        }
        else
        {
            refitted.Count.ShouldBeGreaterThan(1);
        }
    }

    private static (FactorizationModel Fit, FactorizationModel Refit) Run(List<TrainingEpoch> epochs, int mostEventsOfRefit)
    {
        // Half of a hundredth of the events: a few users.
        var options = new TrainingOptions { Factors = 8, Epochs = 6, HoldoutShare = 0.04 };
        options.SetDefaultsOfObjective();
        var cutoff = Data(held: []);
        var held = Holdout.Choose(cutoff, options);
        held.Count(isHeld => isHeld).ShouldBeInRange(1, Users * EventsOfUser / 100);
        var encoded = EncodedSequences.Create(Data(held), options);

        var outcome = SequenceFitAndRefit.Run(encoded, options, served: null, epochs.Add, CancellationToken.None, mostEventsOfRefit);

        return (outcome.State!.Model, outcome.Model);
    }

    private static float Weight(FactorizationModel model)
    {
        var buffer = new RowBuffer();
        model.Features!.AppendItem(EntityFeatures.Named($"i{Late}"), buffer);
        return model.Weights[buffer.Row.Columns[0]];
    }

    private static Cutoff Data(bool[] held) =>
        new()
        {
            Users = [.. Enumerable.Range(0, Users).Select(u => EntityFeatures.Named($"u{u}"))],
            Items = [.. Enumerable.Range(0, Late + 1).Select(i => EntityFeatures.Named($"i{i}"))],
            Contexts = [EntityFeatures.None],
            Rows =
            [
                .. Enumerable
                    .Range(0, Users * EventsOfUser)
                    .Select(r => new CutoffRow(
                        r / EventsOfUser,
                        r < held.Length && held[r] ? Late : ((r / EventsOfUser) + (r % EventsOfUser)) % Late,
                        0,
                        1,
                        1,
                        DateTime.UnixEpoch.AddHours(r).Ticks
                    )),
            ],
            Dropped = new Dictionary<string, long>(),
            At = default,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };
}
