using RecService.Api.Storage.Entities;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

public sealed class RunScheduleTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly RunSchedule Hourly = new(new() { Interval = TimeSpan.FromHours(1) }, start: Noon);

    [Fact]
    public void Without_a_former_run_an_interval_is_due_at_the_start() => Hourly.NextDue([], lastSkip: null).ShouldBe(Noon);

    [Fact]
    public void An_interval_counts_from_the_last_start_even_if_it_has_passed_while_no_process_was_there()
    {
        Hourly.NextDue([Run(Noon.AddMinutes(-20))], lastSkip: null).ShouldBe(Noon.AddMinutes(40));
        Hourly.NextDue([Run(Noon.AddHours(-7))], lastSkip: null).ShouldBe(Noon.AddHours(-6));
    }

    [Fact]
    public void A_turn_that_was_skipped_is_not_due_any_more() => Hourly.NextDue([Run(Noon.AddHours(-7))], lastSkip: Noon).ShouldBe(Noon.AddHours(1));

    [Fact]
    public void A_run_that_another_process_has_begun_since_counts_more_than_the_turn_that_this_one_skipped() =>
        Hourly.NextDue([Run(Noon.AddMinutes(30))], lastSkip: Noon).ShouldBe(Noon.AddMinutes(90));

    [Fact]
    public void A_run_that_was_cancelled_is_not_followed_at_once_by_another_one_however_long_it_lasted()
    {
        var cancelled = Run(Noon.AddHours(-3), RunEnd.Cancelled);
        cancelled.CancelRequestedAt = cancelled.FinishedAt = Noon;
        Hourly.NextDue([cancelled], lastSkip: null).ShouldBe(Noon.AddHours(1));

        // Nor if its process has died before it could obey.
        cancelled.Error = RunEnd.ProcessEnded.Error;
        Hourly.NextDue([cancelled], lastSkip: null).ShouldBe(Noon.AddHours(1));
    }

    // Word by word as they are stored: during a rollout this release reads what the one before has recorded, and the other way round. Who rewords one
    // adds a row here.
    [Theory]
    [InlineData("The process ended during the run, or lost its connection to the database.")]
    [InlineData("The connection that held the right to train was lost during the run.")]
    [InlineData("The service was stopped during the run.")]
    public void A_run_that_was_cut_off_is_tried_again_at_once_but_only_once(string error)
    {
        foreach (var schedule in new[] { Hourly, Cron("30 3 * * *") })
        {
            var cutOff = new TrainingRun
            {
                Objective = "rating",
                Settings = "{}",
                StartedAt = Noon.AddMinutes(1),
                FinishedAt = Noon.AddMinutes(2),
                Error = error,
            };
            schedule.NextDue([cutOff], lastSkip: null).ShouldBe(cutOff.FinishedAt);
            schedule.NextDue([cutOff, Run(Noon)], lastSkip: null).ShouldBe(cutOff.FinishedAt);
            schedule.NextDue([cutOff, cutOff], lastSkip: null)!.Value.ShouldBeGreaterThan(Noon.AddHours(1));
            schedule.NextDue([cutOff], lastSkip: Noon.AddMinutes(3))!.Value.ShouldBeGreaterThan(Noon.AddHours(1), "a run was found to be of no use");
        }
    }

    [Theory]
    [InlineData("30 3 * * *")]
    [InlineData("0 30 3 * * ?")]
    public void A_cron_expression_is_read_in_UTC_with_and_without_seconds_and_turns_from_before_the_start_are_not_made_up_for(string expression) =>
        Cron(expression).NextDue([Run(Noon.AddYears(-1))], lastSkip: null).ShouldBe(new DateTimeOffset(2026, 5, 2, 3, 30, 0, TimeSpan.Zero));

    [Fact]
    public void A_turn_of_a_cron_expression_is_due_until_some_process_has_begun_a_run_since_or_this_one_has_skipped_it()
    {
        var turn = new DateTimeOffset(2026, 5, 2, 3, 30, 0, TimeSpan.Zero);
        var cron = Cron("30 3 * * *");
        cron.NextDue([Run(turn.AddHours(-1))], lastSkip: null).ShouldBe(turn);
        cron.NextDue([Run(turn.AddSeconds(1))], lastSkip: null).ShouldBe(turn.AddDays(1));
        cron.NextDue([Run(turn.AddHours(-1))], lastSkip: turn.AddSeconds(1)).ShouldBe(turn.AddDays(1));
    }

    [Fact]
    public void Switched_off_nothing_is_ever_due() =>
        new RunSchedule(new() { Enabled = false }, start: Noon).NextDue([], lastSkip: null).ShouldBeNull();

    private static RunSchedule Cron(string expression) => new(new() { Schedule = expression }, start: Noon);

    private static TrainingRun Run(DateTimeOffset startedAt, RunEnd? end = null) =>
        new()
        {
            Objective = "rating",
            Settings = "{}",
            StartedAt = startedAt,
            FinishedAt = startedAt.AddMinutes(1),
            Status = end?.Status ?? TrainingRunStatus.Succeeded,
            Error = end?.Error,
        };
}
