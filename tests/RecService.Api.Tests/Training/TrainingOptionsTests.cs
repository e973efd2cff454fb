using Microsoft.Extensions.Configuration;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

public sealed class TrainingOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Errors([]).ShouldBeEmpty();

    [Theory]
    [InlineData("Objective", "7")]
    [InlineData("Interaction", "9")]
    [InlineData("Schedule", "every day")]
    [InlineData("Interval", "60")]
    [InlineData("Factors", "0")]
    [InlineData("LearningRate", "0")]
    [InlineData("HoldoutShare", "0.6")]
    [InlineData("Types:view:Weight", "1e200")]
    [InlineData("Types:view:Weight", "1e-60")]
    [InlineData("Types:view:Weight", "-1")]
    public void A_setting_out_of_range_is_named(string key, string value) => Errors([new(key, value)]).ShouldHaveSingleItem().ShouldContain($"Training:{key}");

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
