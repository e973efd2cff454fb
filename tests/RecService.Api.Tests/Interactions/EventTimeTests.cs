using System.Globalization;
using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class EventTimeTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Import = "/v1/interactions/import";

    /// <summary>As it is written in JSON, in a cell of CSV, and the time that it is.</summary>
    public static TheoryData<string, string, string> Times() =>
        new()
        {
            { "964982703", "964982703", "2000-07-30T18:45:03Z" },
            { "964982703.5", "964982703.5", "2000-07-30T18:45:03.5Z" },
            { "9.64982703e8", "9.64982703e8", "2000-07-30T18:45:03Z" },
            { "964982703250", "964982703250", "2000-07-30T18:45:03.25Z" },
            { "100000000000", "100000000000", "1973-03-03T09:46:40Z" },
            { "0", "0", "1970-01-01T00:00:00Z" },
            { "\"2024-02-29\"", "2024-02-29", "2024-02-29T00:00:00Z" },
            { "\"2024-02-29T01:00:00+02:00\"", "2024-02-29T01:00:00+02:00", "2024-02-28T23:00:00Z" },
        };

    public static TheoryData<string, string, string> NoTimes() =>
        new()
        {
            { "\"964982703\"", "20240229T010203Z", "must be a date and time with an offset" },
            { "\"2023-02-29\"", "2023-02-29", "must be a date and time with an offset" },
            { "\"2024-02-29T01:00:00\"", "2024-02-29T01:00:00", "must be a date and time with an offset" },
            { "true", "1e999", "must be a date and time with an offset" },
            { "100000000000000", "964982703000000", "is too large" },
            { "20260131", "20260131", "write 2026-01-31 for the date" },
            { "-1", "-1", "must be from 1970 on" },
            { "-99999999999", "-99999999999999", "must be from 1970 on" },
            { "99999999999", "99999999999999", "must be from 1970 on, and no more than a day ahead" },
            { "\"1969-12-31\"", "1969-12-31", "must be from 1970 on" },
        };

    [Theory]
    [MemberData(nameof(Times))]
    public async Task A_time_may_be_a_number_or_a_date(string json, string cell, string time)
    {
        var user = Guid.NewGuid().ToString();
        var line = $$"""{"userId":"{{user}}","itemId":"i","type":"view","occurredAt":{{json}}}""";

        await service.Client.SendTextAsync(HttpMethod.Post, "/v1/interactions", $$"""{"interactions":[{{line}}]}""");
        await service.Client.SendTextAsync(HttpMethod.Post, Import, line, "application/x-ndjson");
        await service.Client.SendTextAsync(HttpMethod.Post, Import, $"userId,itemId,type,occurredAt\n{user},i,view,{cell}\n", "text/csv");

        var stored = (await service.Client.GetJsonAsync($"/v1/interactions?userId={user}")).GetProperty("interactions");
        var expected = DateTimeOffset.Parse(time, CultureInfo.InvariantCulture);
        stored.EnumerateArray().Select(interaction => interaction.GetProperty("occurredAt").GetDateTimeOffset()).ShouldBe([expected, expected, expected]);
    }

    [Theory]
    [MemberData(nameof(NoTimes))]
    public async Task What_is_no_time_or_may_be_two_is_refused_by_name(string json, string cell, string reason)
    {
        var line = $$"""{"userId":"refused","itemId":"i","type":"view","occurredAt":{{json}}}""";

        var batch = await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions",
            $$"""{"interactions":[{{line}}]}""",
            expected: HttpStatusCode.BadRequest
        );
        batch.Errors()["interactions[0].occurredAt"].Single().ShouldContain(reason);
        Error(await service.Client.SendTextAsync(HttpMethod.Post, Import, line, "application/x-ndjson")).ShouldContain(reason);
        Error(await service.Client.SendTextAsync(HttpMethod.Post, Import, $"userId,itemId,type,occurredAt\nrefused,i,view,{cell}\n", "text/csv"))
            .ShouldContain(reason);
    }

    [Fact]
    public async Task Generators_of_clients_see_a_time_as_before()
    {
        var document = await service.Client.GetJsonAsync("/openapi/v1.json");

        var time = document.GetProperty("components").GetProperty("schemas").GetProperty("InteractionInput").GetProperty("properties").GetProperty("occurredAt");

        time.GetProperty("type").Deserialize<string[]>().ShouldBe(["null", "string"]);
        time.GetProperty("format").GetString().ShouldBe("date-time");
        time.GetProperty("description").GetString()!.ShouldContain("milliseconds");
    }

    private static string Error(JsonElement result)
    {
        var error = result.GetProperty("errors").EnumerateArray().Single();
        error.GetProperty("field").GetString().ShouldBe("occurredAt");
        return error.GetProperty("reason").GetString()!;
    }
}
