using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

public sealed class TrainingScheduleTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Without_a_former_run_an_interval_is_due_at_once() =>
        new TrainingSchedule(new() { Interval = TimeSpan.FromHours(1) }).NextDue(Noon, lastStart: null).ShouldBe(Noon);

    [Fact]
    public void An_interval_counts_from_the_last_start() =>
        new TrainingSchedule(new() { Interval = TimeSpan.FromHours(1) }).NextDue(Noon, Noon.AddMinutes(-20)).ShouldBe(Noon.AddMinutes(40));

    [Fact]
    public void A_missed_interval_is_made_up_for_at_once() =>
        new TrainingSchedule(new() { Interval = TimeSpan.FromHours(1) }).NextDue(Noon, Noon.AddHours(-7)).ShouldBe(Noon);

    [Theory]
    [InlineData("30 3 * * *")]
    [InlineData("0 30 3 * * ?")]
    public void A_cron_expression_is_read_in_UTC_with_and_without_seconds(string expression) =>
        new TrainingSchedule(new() { Schedule = expression }).NextDue(Noon, Noon.AddYears(-1)).ShouldBe(new DateTimeOffset(2026, 5, 2, 3, 30, 0, TimeSpan.Zero));

    [Fact]
    public void Switched_off_nothing_is_ever_due() => new TrainingSchedule(new() { Enabled = false }).NextDue(Noon, lastStart: null).ShouldBeNull();
}
