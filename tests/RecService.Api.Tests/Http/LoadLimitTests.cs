using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class LoadLimitTests(LoadLimitTests.Service service) : IClassFixture<LoadLimitTests.Service>
{
    private static readonly object Batch = new { interactions = new[] { new { userId = "u", itemId = "i", type = "view" } } };

    [Fact]
    public async Task What_can_be_neither_worked_on_nor_queued_is_turned_away_until_there_is_room()
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("LOCK TABLE interactions IN EXCLUSIVE MODE", CancellationToken.None);
        var requests = Enumerable.Range(0, 5).Select(_ => service.Client.PostAsync(new Uri("/v1/interactions", UriKind.Relative), JsonContent.Create(Batch))).ToList();
        for (var i = 0; i < 3; i++)
        {
            // One request is worked on and one waits for it, until the table is free.
            var first = await Task.WhenAny(requests);
            requests.Remove(first);
            using var refused = await first;
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Headers.RetryAfter.ShouldNotBeNull();
            (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString().ShouldBe("/problems/overloaded");
        }

        // Ingestion that stands still is no concern of scoring, probes and operators.
        await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
        await service.Client.GetJsonAsync("/health/ready");
        await service.Client.GetJsonAsync("/v1/models");

        await transaction.RollbackAsync();
        foreach (var taken in await Task.WhenAll(requests))
        {
            taken.StatusCode.ShouldBe(HttpStatusCode.OK);
            taken.Dispose();
        }

        await service.Client.PostJsonAsync("/v1/interactions", Batch);
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
            ["Load:Ingest:Concurrent"] = "1",
            ["Load:Ingest:Queue"] = "1",
        };
    }
}
