using System.Globalization;
using System.Text.Json;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>What callers are told of the schedule.</summary>
public sealed class NextTurnTests(NextTurnTests.Service service, KeyedService withoutSchedule)
    : IClassFixture<NextTurnTests.Service>,
        IClassFixture<KeyedService>
{
    [Fact]
    public async Task The_next_run_is_told_before_it_is_due()
    {
        JsonElement turn;
        while ((turn = (await service.Client.GetJsonAsync("/v1/training-runs")).GetProperty("nextTurnAt")).ValueKind == JsonValueKind.Null)
        {
            // The schedule has not looked yet.
            await Task.Delay(20);
        }

        var due = turn.GetDateTimeOffset();
        due.ToString("MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture).ShouldBe("02-29 03:00:00 +00:00");
        due.ShouldBeGreaterThan(DateTimeOffset.UtcNow);
        (await ScheduleAsync(service)).ShouldBe($"Training follows its schedule; the next run is due at {due:u}.");
    }

    [Fact]
    public async Task Without_a_schedule_no_run_is_due()
    {
        (await withoutSchedule.Client.GetJsonAsync("/v1/training-runs")).GetProperty("nextTurnAt").ValueKind.ShouldBe(JsonValueKind.Null);
        (await ScheduleAsync(withoutSchedule)).ShouldBe("No schedule is set; training works on demand.");
    }

    private static async Task<string?> ScheduleAsync(ServiceFixture fixture) =>
        (await fixture.Client.GetJsonAsync("/health/ready")).GetProperty("checks").GetProperty("schedule").GetProperty("description").GetString();

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Schedule"] = "0 3 29 2 *" };
    }
}
