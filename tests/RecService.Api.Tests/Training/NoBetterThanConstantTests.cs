using RecService.Api.Training;
using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Training;

namespace RecService.Api.Tests.Training;

/// <summary>What becomes of fits that do no better on the holdout than a constant, and how the refit goes on from the fit.</summary>
public sealed class NoBetterThanConstantTests
{
    private const int Users = 20;
    private const int Items = 15;

    [Theory]
    [InlineData(TrainingObjective.Rating, "RMSE")]
    [InlineData(TrainingObjective.Implicit, "log loss")]
    public void It_is_said_and_the_gate_holds_the_model_back(TrainingObjective objective, string figure)
    {
        // Steps so large that no epoch comes to anything.
        var options = Options(objective, heldOut: 0.3);
        options.LearningRate = 30;

        var outcome = Run(options, Noise(objective));

        var warning = outcome.Metrics.ShouldNotBeNull().Warnings.ShouldNotBeNull().ShouldHaveSingleItem();
        warning.ShouldContain($"than a constant: the {figure} is ");
        outcome.Decision.ShouldBe(new(Publish: false, warning));
    }

    [Fact]
    public void Where_too_few_rows_are_held_out_it_is_said_and_the_model_is_served()
    {
        var options = Options(TrainingObjective.Rating, heldOut: 0.1);
        options.LearningRate = 30;

        var outcome = Run(options, Noise(TrainingObjective.Rating));

        outcome.Metrics.ShouldNotBeNull().HoldoutRows.ShouldBeLessThan(PublishDecision.FewestRows);
        outcome.Metrics!.Warnings.ShouldNotBeNull();
        outcome.Decision.ShouldNotBeNull().Publish.ShouldBeTrue();
    }

    [Fact]
    public void A_fit_that_learns_has_no_warning_and_its_refit_steps_as_it_did()
    {
        var options = Options(TrainingObjective.Rating, heldOut: 0.3);
        options.RateSchedule = RateSchedule.Cosine;
        options.Patience = 1;
        var cutoff = Data((user, item) => 1 + (2 * (user % 2)) + (item % 2));

        var outcome = Run(options, cutoff);

        outcome.Metrics.ShouldNotBeNull().Warnings.ShouldBeNull();
        outcome.Decision.ShouldNotBeNull().Reason?.ShouldNotContain("constant");
        outcome.BestEpoch.ShouldBeInRange(1, options.Epochs);
        var encoded = EncodedRows.Create(cutoff, options);
        var whole = new Trainer(options.ToSettings()) { LastEpoch = outcome.BestEpoch }
            .Train(encoded.Space, encoded.Examples(encoded.AllRows), features: encoded.Index)
            .Model;
        outcome.Model.Weights.ToArray().ShouldBe(whole.Weights.ToArray());
    }

    private static FitOutcome Run(TrainingOptions options, Cutoff cutoff) =>
        FitAndRefit.Run(EncodedRows.Create(cutoff, options), options, start: null, served: null, _ => { }, CancellationToken.None);

    private static TrainingOptions Options(TrainingObjective objective, double heldOut) =>
        new()
        {
            Objective = objective,
            Factors = 4,
            Epochs = 8,
            Holdout = HoldoutKind.Hash,
            HoldoutShare = heldOut,
        };

    private static Cutoff Noise(TrainingObjective objective)
    {
        var random = new Random(7);
        return Data((_, _) => objective == TrainingObjective.Rating ? random.Next(1, 6) : 1);
    }

    /// <summary>What users say of two items in three.</summary>
    private static Cutoff Data(Func<int, int, float> target)
    {
        var random = new Random(3);
        return new()
        {
            Users = [.. Enumerable.Range(0, Users).Select(u => EntityFeatures.Named($"u{u}"))],
            Items = [.. Enumerable.Range(0, Items).Select(i => EntityFeatures.Named($"i{i}"))],
            Contexts = [EntityFeatures.None],
            Rows =
            [
                .. Enumerable
                    .Range(0, Users * Items)
                    .Where(_ => random.Next(3) > 0)
                    .Select(n => new CutoffRow(n / Items, n % Items, 0, target(n / Items, n % Items), 1, n)),
            ],
            Dropped = new Dictionary<string, long>(),
            At = default,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };
    }
}
