using System.Net;
using System.Net.Http.Json;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

/// <summary>A batch counts as what it asks for.</summary>
public sealed class BatchLoadTests(BatchLoadTests.Service service) : IClassFixture<BatchLoadTests.Service>
{
    private const string Path = "/v1/recommendations/batch";

    [Fact]
    public async Task A_batch_takes_a_place_for_every_50_of_its_requests()
    {
        await using (var connection = await service.Database.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await connection.ExecuteAsync("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", CancellationToken.None);
            var waiting = service.Client.PostAsync(HttpClientExtensions.Address(service.Client, Path), JsonContent.Create(Batch(50)));
            await UntilWaitingAsync(connection);

            using (var refused = await service.Client.PostAsync(HttpClientExtensions.Address(service.Client, Path), JsonContent.Create(Batch(51))))
            {
                refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
                refused.Headers.RetryAfter.ShouldNotBeNull();
            }

            // One place is left.
            await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
            await transaction.RollbackAsync();
            using var taken = await waiting;
            taken.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        // All places together are as many as a batch can take.
        await service.Client.PostJsonAsync(Path, Batch(200));
        await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
    }

    private static object Batch(int requests) => new { requests = Enumerable.Repeat(new { userId = "u" }, requests) };

    private static async Task UntilWaitingAsync(Npgsql.NpgsqlConnection connection)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (await connection.ScalarAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass", limit.Token) == 0)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Scoring:Concurrent"] = "2",
                ["Load:Scoring:Queue"] = "0",
            };
    }
}
