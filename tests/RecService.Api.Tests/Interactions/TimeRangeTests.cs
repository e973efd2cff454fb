using System.Globalization;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class TimeRangeTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string First = "2024-03-01T10:00:00Z";
    private const string Second = "2024-03-01T11:00:00Z";
    private const string Third = "2024-03-01T12:00:00Z";

    [Fact]
    public async Task A_range_begins_with_its_from_and_ends_before_its_to()
    {
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[] { First, Second, Third }.Select(time => new
                {
                    userId = "u",
                    itemId = "i",
                    type = "view",
                    occurredAt = time,
                }),
            }
        );

        (await TimesAsync($"from={First}&to={Third}")).ShouldBe([Second, First]);
        (await TimesAsync($"from={Second}")).ShouldBe([Third, Second]);
        (await TimesAsync($"to={Second}")).ShouldBe([First]);
        (await TimesAsync($"from={Second}&to={Second}")).ShouldBeEmpty("an empty range is a range");

        (await service.Client.DeleteJsonAsync($"/v1/interactions?from={Second}&to={Third}")).GetProperty("deleted").GetInt64().ShouldBe(1);
        (await TimesAsync("userId=u")).ShouldBe([Third, First]);
    }

    private async Task<List<string>> TimesAsync(string query) =>
        [
            .. (await service.Client.GetJsonAsync($"/v1/interactions?{query}"))
                .GetProperty("interactions")
                .EnumerateArray()
                .Select(interaction => interaction.GetProperty("occurredAt").GetDateTimeOffset().ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)),
        ];
}
