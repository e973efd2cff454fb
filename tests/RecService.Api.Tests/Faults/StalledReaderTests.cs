using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Faults;

/// <summary>Callers who ask for everything and do not read it.</summary>
[Trait("Category", "Faults")]
public sealed class StalledReaderTests(StalledReaderTests.Service service) : IClassFixture<StalledReaderTests.Service>
{
    private const int Connections = 10;
    private const string Exporting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state <> 'idle' AND query ~ '^COPY.*ORDER BY (i\.interaction_key|user_id|item_id)\) TO STDOUT'
            AND query NOT LIKE '%item_key, item_id%' -- the catalogue, as it is published
        """;

    [Theory]
    [InlineData("/v1/interactions/export")]
    [InlineData("/v1/exports/users")]
    [InlineData("/v1/exports/items")]
    public async Task A_reader_who_takes_nothing_is_cut_off_and_gives_the_connection_back(string path)
    {
        await FillAsync();
        using var reader = await AskAsync(path);
        await UntilAsync(exports => exports == 1);

        await UntilAsync(exports => exports == 0);

        // It is told a little after the connection has been given back.
        while (await service.ScalarAsync<long>("SELECT count(*) FROM audit_log WHERE outcome = 'failed'") == 0)
        {
            await Task.Delay(20);
        }

        await service.ScalarAsync<long>("WITH d AS (DELETE FROM audit_log RETURNING 1) SELECT count(*) FROM d");
    }

    [Fact]
    public async Task Forty_of_them_take_their_slots_and_leave_the_database_to_everybody_else()
    {
        await FillAsync();
        var readers = new List<TcpClient>();
        for (var i = 0; i < 40; i++)
        {
            readers.Add(await AskAsync("/v1/interactions/export"));
        }

        var statuses = await Task.WhenAll(readers.Select(StatusAsync));
        statuses.Count(status => status == "200").ShouldBeInRange(1, new LoadOptions().Exports.PerKey);
        statuses.ShouldAllBe(status => status == "200" || status == "429");
        (await service.ScalarAsync<long>(Exporting)).ShouldBeLessThanOrEqualTo(new LoadOptions().Exports.PerKey);
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = "u",
                        itemId = "i",
                        type = "view",
                    },
                },
            }
        );
        (await service.Client.PostJsonAsync("/v1/recommendations", new { userId = "u" })).TryGetProperty("degraded", out var degraded).ShouldBeTrue();
        degraded.GetArrayLength().ShouldBe(0);

        readers.ForEach(reader => reader.Dispose());
        await UntilAsync(exports => exports == 0);
    }

    [Fact]
    public void Half_of_the_connections_are_for_what_takes_long() =>
        BulkConnections.Places(service.Factory.Services.GetRequiredService<DatabaseConfiguration>()).ShouldBe(Connections / 2);

    // More than all buffers on the way hold.
    private Task<long> FillAsync() =>
        service.ScalarAsync<long>(
            """
            WITH u AS (
                INSERT INTO users (user_id, tags, attributes, created_at, updated_at)
                SELECT 'u' || n, ARRAY(SELECT repeat('t' || t, 100) FROM generate_series(1, 20) AS t), '{}', now(), now() FROM generate_series(1, 4000) AS n
                ON CONFLICT DO NOTHING RETURNING user_key),
            i AS (
                INSERT INTO items (item_id, tags, attributes, created_at, updated_at)
                SELECT 'i' || n, ARRAY(SELECT repeat('t' || t, 100) FROM generate_series(1, 20) AS t), '{}', now(), now() FROM generate_series(1, 4000) AS n
                ON CONFLICT DO NOTHING RETURNING item_key),
            n AS (
                INSERT INTO interactions (user_key, item_key, type, occurred_at, received_at, tags, context)
                SELECT u.user_key, (SELECT min(item_key) FROM i), 'view', now(), now(), ARRAY(SELECT repeat('t' || t, 100) FROM generate_series(1, 20) AS t), '{}'
                FROM u RETURNING 1)
            SELECT count(*) FROM n
            """
        );

    private async Task<TcpClient> AskAsync(string path)
    {
        var address = service.Client.BaseAddress!;
        var reader = new TcpClient { ReceiveBufferSize = 4096 };
        await reader.ConnectAsync(address.Host, address.Port);
        await reader
            .GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\n\r\n"));
        return reader;
    }

    private static async Task<string> StatusAsync(TcpClient reader)
    {
        var line = new byte[12];
        await reader.GetStream().ReadExactlyAsync(line);
        return Encoding.ASCII.GetString(line)[9..];
    }

    private async Task UntilAsync(Func<long, bool> reached)
    {
        await using var observer = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(service.ConnectionString) { Pooling = false }.ConnectionString
        );
        await observer.OpenAsync();
        while (!reached(await observer.ScalarAsync<long>(Exporting, CancellationToken.None)))
        {
            await Task.Delay(20);
        }
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings =>
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Exports:StallTimeout"] = "00:00:02",
                ["ConnectionStrings:RecService"] = $"{ConnectionString};Maximum Pool Size={Connections}",
            };
    }
}
