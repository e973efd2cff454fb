using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>What comes out goes in again.</summary>
public sealed class ExportTests(DatabaseServer server)
{
    private static readonly string[] Exports = ["exports/items", "exports/users", "interactions/export"];
    private static readonly string[] Imports = ["items/import", "users/import", "interactions/import"];

    [Fact]
    public async Task Imported_into_an_empty_store_an_export_gives_the_same_export()
    {
        await using var service = await StartAsync();
        await FillAsync(service);
        var exported = await ExportAsync(service);

        await using var copy = await StartAsync();
        for (var part = 0; part < Exports.Length; part++)
        {
            var result = await copy.Client.SendTextAsync(HttpMethod.Post, $"/v1/{Imports[part]}", exported[part], "application/x-ndjson");
            result.GetProperty("rejected").GetInt64().ShouldBe(0, result.ToString());
            result.GetProperty("accepted").GetInt64().ShouldBe(exported[part].Count(c => c == '\n'));
        }

        var again = await ExportAsync(copy);
        again.ShouldBe(exported);
        (await StateAsync(copy)).ShouldBe(await StateAsync(service));
    }

    [Fact]
    public async Task Lines_say_what_was_stored_and_leave_out_what_was_not_given()
    {
        await using var service = await StartAsync();
        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions",
            """
            {"interactions": [
                {"userId": "a", "itemId": "x", "type": "view", "occurredAt": "2026-01-02T03:04:05.678901+02:00"},
                {"interactionId": "1", "userId": "ä\"\\\u2028", "itemId": "x", "type": "rating", "value": 0.1, "occurredAt": "2026-01-02T03:04:05Z",
                 "tags": ["b", "a"], "context": {"hour": 1e20, "device": "phone", "new": true, "langs": ["en", "no"]}, "recommendationId": "r"}]}
            """
        );
        await service.Client.SendTextAsync(
            HttpMethod.Put,
            "/v1/items/x",
            "{\"available\": false, \"metadata\": {\n  \"title\": \"two\\nlines\"\r\n}}"
        );
        await service.Client.SendTextAsync(HttpMethod.Put, "/v1/items/y", "{\"metadata\": {}}", expected: System.Net.HttpStatusCode.Created);

        var (items, users, interactions) = await ExportAsync(service) is [var i, var u, var n] ? (i, u, n) : default;

        interactions.ShouldBe(
            """
            {"userId":"a","itemId":"x","type":"view","occurredAt":"2026-01-02T01:04:05.678901Z"}
            {"interactionId":"1","userId":"ä\"\\\u2028","itemId":"x","type":"rating","value":0.1,"occurredAt":"2026-01-02T03:04:05Z","tags":["b","a"],"context":{"new": true, "hour": 100000000000000000000, "langs": ["en", "no"], "device": "phone"},"recommendationId":"r"}

            """
        );
        users.ShouldBe(
            """
            {"userId":"a"}
            {"userId":"ä\"\\\u2028"}

            """
        );
        items.ShouldBe(
            """
            {"itemId":"x","available":false,"metadata":{   "title": "two\nlines"  }}
            {"itemId":"y","metadata":{}}

            """
        );
    }

    [Fact]
    public async Task An_empty_store_gives_an_empty_file()
    {
        await using var service = await StartAsync();

        (await ExportAsync(service)).ShouldBe(["", "", ""]);
        using var response = await service.Client.GetAsync(new Uri("/v1/interactions/export", UriKind.Relative));
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/x-ndjson");
        response.Content.Headers.ContentDisposition!.FileName.ShouldBe("interactions.ndjson");
    }

    private async Task<ServiceFixture> StartAsync()
    {
        var service = new Service(server);
        await service.InitializeAsync();
        return service;
    }

    private static async Task FillAsync(ServiceFixture service)
    {
        var random = new Random(5);
        string[] texts = ["plain", "Ünïcödé", "emoji 🎬", "tab-less \"quotes\" \\", "a/b", "日本"];
        JsonObject Values() =>
            new()
            {
                ["number"] = random.NextDouble() * Math.Pow(10, random.Next(-20, 20)),
                ["text"] = texts[random.Next(texts.Length)],
                ["flag"] = random.Next(2) == 0,
                ["list"] = new JsonArray(texts[0], texts[1]),
            };
        JsonArray Tags() => [.. texts.Where(_ => random.Next(2) == 0)];
        var batch = new JsonArray();
        for (var i = 0; i < 2_000; i++)
        {
            var interaction = new JsonObject
            {
                ["userId"] = $"{texts[i % 6]} {i % 40}",
                ["itemId"] = $"{texts[i % 5]} {i % 30}",
                ["type"] = i % 3 == 0 ? "view" : "rating",
            };
            if (i % 2 == 0)
            {
                interaction["interactionId"] = $"id-{i}";
            }

            if (i % 3 != 0)
            {
                interaction["value"] = random.NextDouble() * 5;
                interaction["context"] = Values();
                interaction["tags"] = Tags();
                interaction["recommendationId"] = $"r-{i}";
            }

            if (i % 5 != 0)
            {
                interaction["occurredAt"] = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero).AddTicks(
                    random.NextInt64(TimeSpan.TicksPerDay * 300) / 10 * 10
                );
            }

            batch.Add(interaction);
        }

        (await service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = batch }))
            .GetProperty("accepted")
            .GetInt64()
            .ShouldBe(2_000);
        for (var i = 0; i < 10; i++)
        {
            await service.Client.SendTextAsync(
                HttpMethod.Put,
                $"/v1/users/new-{i}",
                new JsonObject { ["tags"] = Tags(), ["attributes"] = Values() }.ToJsonString(),
                expected: System.Net.HttpStatusCode.Created
            );
            await service.Client.SendTextAsync(
                HttpMethod.Put,
                $"/v1/items/new-{i}",
                new JsonObject
                {
                    ["tags"] = Tags(),
                    ["attributes"] = Values(),
                    ["available"] = i % 2 == 0,
                    ["metadata"] = Values(),
                }.ToJsonString(new() { WriteIndented = i % 3 == 0 }),
                expected: System.Net.HttpStatusCode.Created
            );
        }
    }

    private static async Task<string[]> ExportAsync(ServiceFixture service)
    {
        var parts = new List<string>();
        foreach (var export in Exports)
        {
            parts.Add(Encoding.UTF8.GetString(await service.Client.GetByteArrayAsync(new Uri($"/v1/{export}", UriKind.Relative))));
        }

        foreach (var line in parts.SelectMany(part => part.Split('\n', StringSplitOptions.RemoveEmptyEntries)))
        {
            JsonDocument.Parse(line).RootElement.ValueKind.ShouldBe(JsonValueKind.Object);
        }

        return [.. parts];
    }

    private static Task<string> StateAsync(ServiceFixture service) =>
        service.ScalarAsync<string>(
            """
            SELECT md5(string_agg(row::text, '|' ORDER BY row::text)) FROM (
                SELECT (user_id, item_id, type, value, occurred_at, i.tags, context, interaction_id, recommendation_id, u.tags, u.attributes, m.tags, m.attributes, m.available)
                FROM interactions AS i JOIN users AS u USING (user_key) JOIN items AS m USING (item_key)) AS rows (row)
            """
        );

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false" };
    }
}
