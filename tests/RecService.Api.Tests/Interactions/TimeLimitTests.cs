using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>When interactions may have happened.</summary>
public sealed class TimeLimitTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Clocks_may_run_ahead_by_a_day_and_no_more()
    {
        await PostAsync(DateTimeOffset.UtcNow.AddDays(1).AddMinutes(-1), HttpStatusCode.OK);
        await ShouldBeRefusedAsync(DateTimeOffset.UtcNow.AddDays(1).AddHours(1));
    }

    [Fact]
    public async Task Nothing_happened_before_1970()
    {
        await PostAsync(DateTimeOffset.UnixEpoch, HttpStatusCode.OK);
        await ShouldBeRefusedAsync(DateTimeOffset.UnixEpoch.AddSeconds(-1));
    }

    private async Task ShouldBeRefusedAsync(DateTimeOffset time)
    {
        var errors = (await PostAsync(time, HttpStatusCode.BadRequest)).Errors();
        errors.Keys.ShouldHaveSingleItem().ShouldEndWith("occurredAt");
    }

    private Task<System.Text.Json.JsonElement> PostAsync(DateTimeOffset occurredAt, HttpStatusCode expected) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = "u",
                        itemId = "i",
                        type = "view",
                        occurredAt = occurredAt.UtcDateTime.ToString("O"),
                    },
                },
            },
            expected
        );
}
