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

    [Theory]
    [InlineData(null, 1_999_999, 10)]
    [InlineData(null, 2_000_000, 2)]
    [InlineData(7, 2_000_000, 7)]
    public void With_millions_of_events_a_fit_needs_less_patience_unless_it_is_told_otherwise(int? patience, int events, int expected)
    {
        var options = new TrainingOptions { Patience = patience };
        options.SetDefaultsOfObjective();
        SequenceFitAndRefit.SettingsFor(options, events).Patience.ShouldBe(expected);
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
                        3600.0 * r
                    )),
            ],
            Dropped = new Dictionary<string, long>(),
            At = default,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };
}
