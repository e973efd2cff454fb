using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

public sealed class PublishGateTests(PublishGateTests.Service service) : IClassFixture<PublishGateTests.Service>
{
    private const int Users = 400;
    private const int Rows = 6;
    private const int Places = 8;
    private const int ItemsOfPlace = 5;

    [Fact]
    public async Task A_model_of_shuffled_rows_is_stored_and_not_served_until_it_is_activated()
    {
        // What is taken depends on where the user is, and on nothing else.
        var random = new Random(11);
        (int Place, int Item)[] rows = [.. Enumerable.Range(0, Users * Rows).Select(_ => random.Next(Places)).Select(place => (place, Draw(place)))];
        await PostAsync(rows);
        var good = await service.Client.TrainAsync();
        good.GetProperty("published").GetBoolean().ShouldBeTrue(good.ToString());
        good.GetProperty("publishReason").ValueKind.ShouldBe(JsonValueKind.Null);
        Metric(good, "servedNdcg10").ValueKind.ShouldBe(JsonValueKind.Null);
        Metric(good, "ndcg10").GetDouble().ShouldBeGreaterThan(1.5 * Metric(good, "popularityNdcg10").GetDouble());
        Metric(good, "itemKnnNdcg10").GetDouble().ShouldBeLessThan(Metric(good, "ndcg10").GetDouble());
        Metric(good, "ndcg10Interval")[0].GetDouble().ShouldBeLessThan(Metric(good, "ndcg10").GetDouble());
        Metric(good, "ndcg10Interval")[1].GetDouble().ShouldBeGreaterThan(Metric(good, "ndcg10").GetDouble());

        // The same again is not worse than itself.
        var same = await service.Client.TrainAsync();
        same.GetProperty("published").GetBoolean().ShouldBeTrue(same.ToString());
        Metric(same, "servedNdcg10").GetDouble().ShouldBeGreaterThan(0);
        var served = same.GetProperty("modelVersion").GetInt64();

        // The newest row of each user, of which some are held out, stays.
        int[] items = [.. rows.Where((_, row) => row % Rows < Rows - 1).Select(row => row.Item)];
        random.Shuffle(items);
        await service.Client.DeleteJsonAsync("/v1/interactions?type=view");
        await PostAsync([.. rows.Select((row, n) => n % Rows < Rows - 1 ? (row.Place, items[n - (n / Rows)]) : row)]);
        var bad = await service.Client.TrainAsync();

        bad.GetProperty("status").GetString().ShouldBe("succeeded", bad.ToString());
        bad.GetProperty("published").GetBoolean().ShouldBeFalse(bad.ToString());
        bad.GetProperty("publishReason").GetString().ShouldNotBeNull().ShouldContain("the fit of the model that is served");
        Metric(bad, "servedNdcg10").GetDouble().ShouldBeGreaterThan(1.5 * Metric(bad, "ndcg10").GetDouble());
        (await ServedVersionAsync()).ShouldBe(served);
        var version = bad.GetProperty("modelVersion").GetInt64();
        (await service.Client.GetJsonAsync($"/v1/models/{version}")).GetProperty("version").GetInt64().ShouldBe(version);
        await UntilReadyTellsAsync("Degraded");

        // What is compared with is still the fit of the served model, not that of the one held back.
        var still = await service.Client.TrainAsync();
        still.GetProperty("published").GetBoolean().ShouldBeFalse(still.ToString());

        await service.Client.PostJsonAsync($"/v1/models/{still.GetProperty("modelVersion").GetInt64()}/activate", new JsonObject());
        (await ServedVersionAsync()).ShouldBe(still.GetProperty("modelVersion").GetInt64());
        await UntilReadyTellsAsync("Healthy");

        int Draw(int place) => (place * ItemsOfPlace) + random.Next(ItemsOfPlace);
    }

    private static JsonElement Metric(JsonElement run, string name) => run.GetProperty("metrics").GetProperty(name);

    private async Task PostAsync((int Place, int Item)[] rows)
    {
        foreach (var part in rows.Select((row, n) => (row, n)).Chunk(1_000))
        {
            var interactions = part.Select(one => new JsonObject
            {
                ["userId"] = $"u{one.n / Rows}",
                ["itemId"] = $"i{one.row.Item}",
                ["type"] = "view",
                ["occurredAt"] = $"2026-01-01T10:{one.n % Rows:D2}:00Z",
                ["context"] = new JsonObject { ["place"] = $"p{one.row.Place}" },
            });
            await service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = new JsonArray([.. interactions]) });
        }
    }

    private async Task UntilReadyTellsAsync(string status)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (
            (await service.Client.GetJsonAsync("/health/ready")).GetProperty("checks").GetProperty("training").GetProperty("status").GetString()
            != status
        )
        {
            await Task.Delay(100, limit.Token);
        }
    }

    private async Task<long> ServedVersionAsync()
    {
        await service.Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
        return (await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject())).GetProperty("modelVersion").GetInt64();
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Next",
                ["Training:Factors"] = "8",
                ["Training:HoldoutShare"] = "0.25",
            };
    }
}
