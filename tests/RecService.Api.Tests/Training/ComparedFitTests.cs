using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>With which fits a new one is compared.</summary>
public sealed class ComparedFitTests(ComparedFitTests.Service service) : IClassFixture<ComparedFitTests.Service>
{
    [Fact]
    public async Task Only_a_fit_that_has_held_out_as_much_is_compared_with()
    {
        var first = await MetricsAsync();
        first.GetProperty("holdoutShare").GetDouble().ShouldBe(0.5);
        first.GetProperty("servedNdcg10").ValueKind.ShouldBe(JsonValueKind.Null);

        (await MetricsAsync()).GetProperty("servedNdcg10").ValueKind.ShouldBe(JsonValueKind.Number);

        await using (var smaller = service.Database.CreateCommand("UPDATE training_runs SET metrics = metrics || '{\"holdoutShare\": 0.25}'"))
        {
            (await smaller.ExecuteNonQueryAsync(TestContext.Current.CancellationToken)).ShouldBe(2);
        }

        (await MetricsAsync()).GetProperty("servedNdcg10").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    private async Task<JsonElement> MetricsAsync() => (await service.Client.TrainAsync()).GetProperty("metrics");

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Factors"] = "4",
                ["Training:Epochs"] = "3",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            var interactions = new JsonArray();
            for (var n = 0; n < 480; n++)
            {
                interactions.Add(
                    new JsonObject
                    {
                        ["userId"] = $"u{n % 60}",
                        ["itemId"] = $"i{((n % 60) + (n / 60)) % 12}",
                        ["type"] = "view",
                        ["occurredAt"] = $"2026-01-01T10:{n / 60:D2}:00Z",
                    }
                );
            }

            await Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
        }
    }
}
