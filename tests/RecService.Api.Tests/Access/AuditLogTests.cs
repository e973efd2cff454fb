using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Access;

/// <summary>Every action of operators leaves an entry, with the key that did it and without data of users.</summary>
public sealed class AuditLogTests(KeyedService service) : IClassFixture<KeyedService>
{
    private const string User = "ann.private@example.com";

    [Fact]
    public async Task Actions_are_recorded_with_their_targets()
    {
        var (key, prefix) = await service.NewKeyAsync("operator", Roles.Admin);
        using var client = new HttpClient(new ContractCheck(new SocketsHttpHandler()))
        {
            BaseAddress = service.Client.BaseAddress,
            DefaultRequestHeaders = { { TestKey.Header, key } },
        };
        await service.Client.PostRatingsAsync(users: 8, items: 8);
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = User,
                        ["itemId"] = "i1",
                        ["type"] = "view",
                    }
                ),
            }
        );
        var started = (await service.ScalarAsync<DateTime>("SELECT clock_timestamp()")).ToString(
            "O",
            System.Globalization.CultureInfo.InvariantCulture
        );

        var other = (await client.PostJsonAsync("/v1/api-keys", new { name = "other", roles = new[] { "score", "ingest" } }, HttpStatusCode.Created))
            .GetProperty("record")
            .GetProperty("prefix")
            .GetString();
        await client.PostJsonAsync($"/v1/api-keys/{other}/rotate", new { });
        await client.DeleteJsonAsync($"/v1/api-keys/{other}", HttpStatusCode.NoContent);
        var run = await client.TrainAsync();
        var version = run.GetProperty("modelVersion").GetInt64();
        await client.SendTextAsync(HttpMethod.Put, $"/v1/models/{version}/pin", "", expected: HttpStatusCode.NoContent);
        await client.PostJsonAsync($"/v1/models/{version}/activate", new { });
        await client.DeleteJsonAsync($"/v1/models/{version}/pin", HttpStatusCode.NoContent);
        await client.GetByteArrayAsync(new Uri($"/v1/models/{version}/export", UriKind.Relative));
        await client.GetStringAsync(new Uri("/v1/interactions/export", UriKind.Relative));
        await client.DeleteJsonAsync($"/v1/interactions?userId={User}&type=view");
        await client.DeleteJsonAsync($"/v1/users/{User}");

        var entries = (await client.GetJsonAsync($"/v1/audit-log?from={Uri.EscapeDataString(started)}"))
            .GetProperty("entries")
            .EnumerateArray()
            .Reverse()
            .ToList();
        var hash = RecService.Api.Storage.AuditLog.User(User);
        entries
            .Select(entry => $"{entry.GetProperty("action")} {entry.GetProperty("target")}")
            .ShouldBe([
                $"key.create {other}: score, ingest",
                $"key.rotate {other}",
                $"key.revoke {other}",
                $"run.start {run.GetProperty("runId")}",
                $"model.pin {version}",
                $"model.activate {version}",
                $"model.unpin {version}",
                $"model.export {version}",
                "interactions.export ",
                $"interactions.delete user={hash}&type=view: 1",
                $"user.erase {hash}",
            ]);
        entries.ShouldAllBe(entry => entry.GetProperty("keyPrefix").GetString() == prefix && entry.GetProperty("outcome").GetString() == "succeeded");
        entries.ShouldAllBe(entry => entry.GetProperty("traceId").GetString()!.Length == 32);
        entries.ShouldAllBe(entry => !entry.ToString().Contains(User, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_log_is_read_by_action_time_and_page()
    {
        for (var key = 0; key < 5; key++)
        {
            await service.NewKeyAsync($"page {key}", Roles.Score);
        }

        var first = await service.Client.GetJsonAsync("/v1/audit-log?action=key.create&limit=3");
        var second = await service.Client.GetJsonAsync(
            $"/v1/audit-log?action=key.create&limit=3&cursor={first.GetProperty("nextCursor").GetString()}"
        );

        var times = Entries(first).Concat(Entries(second)).Select(entry => entry.GetProperty("at").GetDateTimeOffset()).ToList();
        times.Count.ShouldBeGreaterThanOrEqualTo(5);
        times.ShouldBe(times.OrderDescending());
        Entries(await service.Client.GetJsonAsync("/v1/audit-log?to=2020-01-01T00:00:00Z")).ShouldBeEmpty();
        Entries(await service.Client.GetJsonAsync("/v1/audit-log?action=nothing.of.this")).ShouldBeEmpty();
        (await service.Client.GetJsonAsync("/v1/audit-log?from=yesterday&action=a%20b&cursor=x", HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["from", "action", "cursor"], ignoreOrder: true);
    }

    [Fact]
    public async Task What_is_refused_or_finds_nothing_is_no_action()
    {
        var before = await service.ScalarAsync<long>("SELECT count(*) FROM audit_log");

        await service.Client.DeleteJsonAsync("/v1/users/nobody", HttpStatusCode.NotFound);
        await service.Client.DeleteJsonAsync("/v1/api-keys/nothing", HttpStatusCode.NotFound);
        await service.Client.SendTextAsync(HttpMethod.Put, "/v1/models/999/pin", "", expected: HttpStatusCode.NotFound);
        await service.Client.PostJsonAsync("/v1/models/999/activate", new { }, HttpStatusCode.NotFound);
        await service.Client.DeleteJsonAsync("/v1/interactions?userId=nobody");

        (await service.ScalarAsync<long>("SELECT count(*) FROM audit_log")).ShouldBe(before);
    }

    private static IEnumerable<JsonElement> Entries(JsonElement page) => page.GetProperty("entries").EnumerateArray();
}
