using Microsoft.Extensions.Configuration;
using RecService.Api.Training;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Training;

namespace RecService.Api.Tests.Training;

public sealed class TrainingOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Errors([]).ShouldBeEmpty();

    [Theory]
    [InlineData("Objective", "7")]
    [InlineData("Interaction", "9")]
    [InlineData("Schedule", "every day")]
    [InlineData("Schedule", "0 3 31 2 *")]
    [InlineData("Schedule", "0 0 0 1 1 ? 2020")]
    [InlineData("Interval", "60")]
    [InlineData("Factors", "0")]
    [InlineData("HistoryLength", "-1")]
    [InlineData("HistoryLength", "10001")]
    [InlineData("Holdout", "9")]
    [InlineData("Solver", "9")]
    [InlineData("RateSchedule", "9")]
    [InlineData("Threads", "0")]
    [InlineData("LearningRate", "0")]
    [InlineData("HoldoutShare", "0.6")]
    [InlineData("KeepRuns", "1")]
    [InlineData("Types:view:Weight", "1e200")]
    [InlineData("Types:view:Weight", "1e-60")]
    [InlineData("Types:rating:NegativeTo", "4")]
    [InlineData("Types:rating:Minimum", "NaN")]
    [InlineData("Types:view:Maximum", "-Infinity")]
    [InlineData("Types:view:WeightBy", "7")]
    [InlineData("Types:dislike:WeightBy", "value")]
    public void A_setting_out_of_range_is_named(string key, string value) =>
        Errors([new(key, value)]).ShouldHaveSingleItem().ShouldContain($"Training:{key}");

    [Fact]
    public void Bounds_of_values_leave_room_for_positives()
    {
        Errors([new("Types:rating:Minimum", "5"), new("Types:rating:Maximum", "4")]).ShouldHaveSingleItem().ShouldContain("must be at least Minimum");
        Errors([new("Types:rating:Maximum", "3")]).ShouldHaveSingleItem().ShouldContain("must be at most Maximum");
        Errors([new("Types:rating:Minimum", "5"), new("Types:rating:Maximum", "5")]).ShouldBeEmpty();
    }

    [Fact]
    public void Every_setting_of_training_reaches_the_engine()
    {
        var settings = Bind([
                new("Objective", "rating"),
                new("Solver", "adam"),
                new("RateSchedule", "inverseSquareRoot"),
                new("Threads", "3"),
                new("Deterministic", "true"),
                new("L2Factors", "0.5"),
            ])
            .ToSettings();

        settings.ShouldBe(
            TrainingSettings.For(Loss.Squared, Solver.Adam) with
            {
                Schedule = RateSchedule.InverseSquareRoot,
                Threads = 3,
                Deterministic = true,
                L2Factors = 0.5f,
                Epochs = 40,
            }
        );
    }

    [Fact]
    public void The_default_rate_is_that_of_the_objective_and_the_solver()
    {
        Bind([new("Objective", "implicit"), new("Solver", "sgd")])
            .ToSettings()
            .LearningRate.ShouldBe(TrainingSettings.For(Loss.Logistic, Solver.Sgd).LearningRate);
        Bind([new("Objective", "implicit"), new("Solver", "sgd"), new("LearningRate", "0.7")]).ToSettings().LearningRate.ShouldBe(0.7f);
    }

    [Theory]
    [InlineData("implicit", null, 16, HoldoutKind.Hash, null, null)]
    [InlineData("rating", null, 16, HoldoutKind.Hash, null, null)]
    [InlineData("next", null, 64, HoldoutKind.NewestOfUsers, 200, false)]
    [InlineData("next", "0", 64, HoldoutKind.NewestOfUsers, 0, true)]
    public void What_is_absent_is_by_the_objective(
        string objective,
        string? historyLength,
        int factors,
        HoldoutKind holdout,
        int? expectedLength,
        bool? userIds
    )
    {
        var options = Bind([new("Objective", objective), new("HistoryLength", historyLength)]);
        options.SetDefaultsOfObjective();

        options.Factors.ShouldBe(factors);
        options.Holdout.ShouldBe(holdout);
        options.HistoryLength.ShouldBe(expectedLength);
        options.UserIds.ShouldBe(userIds);
    }

    [Fact]
    public void Types_are_added_changed_and_left_out_in_any_case()
    {
        var options = Bind([new("Types:VIEW:Weight", "0"), new("Types:share:Weight", "3")]);

        options.Types["view"].Weight.ShouldBe(0);
        options.Types["share"].Weight.ShouldBe(3);
        options.Types["purchase"].Weight.ShouldBe(5);
    }

    private static List<string> Errors(KeyValuePair<string, string?>[] settings)
    {
        var result = new TrainingOptionsValidation().Validate(name: null, Bind(settings));
        return result.Succeeded ? [] : [.. result.Failures!];
    }

    private static TrainingOptions Bind(KeyValuePair<string, string?>[] settings)
    {
        var options = new TrainingOptions();
        new ConfigurationBuilder().AddInMemoryCollection(settings).Build().Bind(options);
        return options;
    }
}
