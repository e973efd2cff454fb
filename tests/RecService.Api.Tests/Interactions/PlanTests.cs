using System.Net;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Interactions;
using RecService.Api.Storage;
using RecService.Api.Storage.Embedded;
using RecService.Api.Telemetry;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>How statements of the write path are planned.</summary>
public sealed class PlanTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("n", "new")]
    [InlineData("s", "stored")]
    [InlineData("c", "conflicting")]
    [InlineData("ns", "new and stored")]
    [InlineData("nn", "new and new")]
    public async Task A_small_batch_leaves_the_settings_of_its_transaction_as_they_were(string rows, string user)
    {
        await StoreAsync(user, "s");
        await using var writer = await InteractionWriter.BeginAsync(service.Database, new(), DateTimeOffset.UtcNow, Metrics, CancellationToken.None);
        (await writer.TryStoreDirectlyAsync(Rows(user, rows), CancellationToken.None)).ShouldNotBeNull();
        (await writer.Connection.ScalarAsync<string>("SHOW enable_seqscan", CancellationToken.None)).ShouldBe("on");
        (await writer.Connection.ScalarAsync<string>("SHOW jit", CancellationToken.None)).ShouldBe("off");
    }

    /// <summary>On a server whose compiler is none, so that what it is given fails; everything is expensive enough to be given to it.</summary>
    [Fact]
    public async Task Nothing_that_writes_is_compiled()
    {
        var directory = TemporaryDirectory.NewPath();
        var settings = EmbeddedPostgresSettings.From(new DatabaseOptions { DataDirectory = directory }) with
        {
            ServerSettings = ["fsync=off", "jit=on", "jit_provider=plpgsql"],
        };
        await using var server = new EmbeddedPostgres(settings, NullLogger<EmbeddedPostgres>.Instance);
        await server.StartAsync(CancellationToken.None);
        try
        {
            // Without a pool, as a session asks the compiler once only.
            var connectionString = settings.ConnectionStringFor("postgres") + ";Pooling=false;Command Timeout=300";
            await using var factory = new RecServiceFactory(
                connectionString,
                new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false" },
                inMemory: true
            );
            // Whether the key of an import still holds is asked in a statement that writes nothing.
            await using var host = factory.WithWebHostBuilder(builder =>
                builder.ConfigureTestServices(services => services.AddSingleton<StillAllowed>((_, _) => Task.CompletedTask))
            );
            using var client = host.CreateClient();
            await ExecuteAsync(connectionString, "ALTER DATABASE postgres SET jit_above_cost = 0");
            var failure = await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(connectionString, "SELECT FROM interactions"));
            failure.Message.ShouldContain("_PG_jit_provider_init");

            foreach (var count in new[] { 1, DirectInsert.MaxRows, DirectInsert.MaxRows + 1 })
            {
                await PostAsync(client, count, offset: count);
                await PostAsync(client, count, offset: count);
                await PostAsync(client, count, offset: count + (count / 2));
                await client.PostJsonAsync("/v1/interactions", Batch(count, count, type: "click"), HttpStatusCode.BadRequest);
            }

            var lines = string.Join(
                '\n',
                Enumerable.Range(0, 100).Select(i => $$"""{"userId":"l{{i}}","itemId":"l","type":"view","interactionId":"l"}""")
            );
            foreach (var accepted in new[] { 100, 0 })
            {
                var result = await client.SendTextAsync(HttpMethod.Post, "/v1/interactions/import", lines, NdJson.MediaType);
                result.GetProperty("accepted").GetInt32().ShouldBe(accepted);
            }

            await client.SendTextAsync(HttpMethod.Post, "/v1/users/import", """{"userId":"l1","tags":["a"]}""", NdJson.MediaType);
            await client.SendTextAsync(HttpMethod.Post, "/v1/items/import", """{"itemId":"l","tags":["a"]}""", NdJson.MediaType);
        }
        finally
        {
            await server.StopAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    private ServiceMetrics Metrics => service.Factory.Services.GetRequiredService<ServiceMetrics>();

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql, CancellationToken.None);
    }

    private static Task PostAsync(HttpClient client, int count, int offset) => client.PostJsonAsync("/v1/interactions", Batch(count, offset));

    private static object Batch(int count, int offset, string type = "view") =>
        new
        {
            interactions = Enumerable
                .Range(offset, count)
                .Select(i => new
                {
                    userId = $"u{i % 50}",
                    itemId = $"i{i % 20}",
                    interactionId = $"{i}",
                    type,
                }),
        };

    private async Task StoreAsync(string user, string rows)
    {
        await using var writer = await InteractionWriter.BeginAsync(service.Database, new(), DateTimeOffset.UtcNow, Metrics, CancellationToken.None);
        await writer.TryStoreDirectlyAsync(Rows(user, rows), CancellationToken.None);
        await writer.CommitAsync(CancellationToken.None);
    }

    private static (int Index, InteractionRow Row)[] Rows(string user, string rows) =>
        [
            .. rows.Select(
                (kind, i) =>
                    (
                        i,
                        new InteractionRow(
                            kind == 'n' ? $"new-{rows.Length - i}" : "stored",
                            user,
                            "item",
                            kind == 'c' ? "click" : "view",
                            Value: null,
                            OccurredAt: null,
                            [],
                            "{}",
                            RecommendationId: null
                        )
                    )
            ),
        ];
}
