using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>Types whose interactions count by their value, in training and when requests read histories.</summary>
public sealed class WeightByValueTests(WeightByValueTests.Service service) : IClassFixture<WeightByValueTests.Service>
{
    private const double Typical = 30;

    [Fact]
    public void A_run_tells_what_is_typical_and_what_it_dropped()
    {
        var rows = service.Run.GetProperty("rows");
        rows.GetProperty("typicalValues").ToString().ShouldBe("""{"Play":30}""");
        rows.GetProperty("dropped").GetProperty("value-not-positive").GetInt32().ShouldBe(2);
        // A thousand million times what is typical is a slip, as it is among ratings.
        rows.GetProperty("dropped").GetProperty("value-out-of-range").GetInt32().ShouldBe(1);
        rows.GetProperty("valueRanges").GetProperty("Play").GetProperty("maximum").GetDouble().ShouldBeLessThan(1e9);
        var types = service.Run.GetProperty("settings").GetProperty("types");
        types.GetProperty("Play").GetProperty("weightBy").GetString().ShouldBe("value");
        types.GetProperty("view").GetProperty("weightBy").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task A_history_weighs_as_training_did_however_it_is_read()
    {
        await PostAsync("typical", Typical);
        await PostAsync("missing", null);
        await PostAsync("long", 8 * Typical);
        var typical = await ScoresAsync("typical");

        (await ScoresAsync("missing")).ShouldBe(typical);
        (await ScoresAsync("long")).ShouldNotBe(typical);
        // Of many users, another statement reads histories.
        foreach (var user in new[] { "typical", "missing", "long" })
        {
            (await VectorScoresAsync(user)).ShouldBe(await ScoresAsync(user));
        }
    }

    [Fact]
    public async Task What_was_not_played_at_all_says_nothing()
    {
        await PostAsync("skipper", 0);
        await PostAsync("skipper", -2);
        await PostAsync("nobody", Typical, type: "impression");

        (await ScoresAsync("skipper")).ShouldBe(await ScoresAsync("nobody"));
        (await VectorScoresAsync("skipper")).ShouldBe(await VectorScoresAsync("nobody"));
        var answer = await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject { ["userId"] = "skipper" });
        answer.GetProperty("personalization").GetString().ShouldBe("none");
    }

    private Task PostAsync(string user, double? value, string type = "play") =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray(
                    Interaction(user, "i2", "view", 1, "2026-02-01T10:00:00Z"),
                    Interaction(user, "i4", type, value, "2026-02-01T10:01:00Z")
                ),
            }
        );

    private async Task<float[]> ScoresAsync(string user)
    {
        var answer = await service.Client.PostJsonAsync("/v1/scores", new JsonObject { ["userId"] = user, ["itemIds"] = new JsonArray("i6", "i7") });
        return [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("score").GetSingle())];
    }

    private async Task<float[]> VectorScoresAsync(string user)
    {
        var rows = new JsonArray([.. new[] { "i6", "i7" }.Select(item => new JsonObject { ["userId"] = user, ["itemId"] = item })]);
        var answer = await service.Client.PostJsonAsync("/v1/cross-features", new JsonObject { ["rows"] = rows });
        return [.. answer.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("score").GetSingle())];
    }

    private static JsonObject Interaction(string user, string item, string type, double? value, string time) =>
        new()
        {
            ["userId"] = user,
            ["itemId"] = item,
            ["type"] = type,
            ["value"] = value,
            ["occurredAt"] = time,
        };

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        private static readonly double[] Values = [Typical / 3, Typical, Typical * 4];

        public JsonElement Run { get; private set; }

        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Next",
                ["Training:Factors"] = "8",
                ["Training:Epochs"] = "5",
                ["Training:Holdout"] = "None",
                ["Training:Types:Play:WeightBy"] = "value",
                ["Training:Types:Play:Weight"] = "3",
                ["Training:Types:view:Weight"] = "0",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            var interactions = new JsonArray();
            for (var u = 0; u < 30; u++)
            {
                for (var n = 0; n < 9; n++)
                {
                    interactions.Add(Interaction($"u{u}", $"i{(u + (2 * n)) % 20}", "play", Values[n % 3], $"2026-01-01T10:{n:D2}:00Z"));
                }
            }

            interactions.Add(Interaction("u1", "i0", "play", 0, "2026-01-02T10:00:00Z"));
            interactions.Add(Interaction("u1", "i0", "play", -1, "2026-01-02T10:00:00Z"));
            interactions.Add(Interaction("u1", "i0", "play", 1e12, "2026-01-02T10:00:00Z"));
            await Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
            Run = await Client.TrainAsync();
            Run.GetProperty("status").GetString().ShouldBe("succeeded", Run.ToString());
            await Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
        }
    }
}
