using System.Net;
using System.Net.Sockets;
using System.Text;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed class RevokedImportTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Theory]
    [InlineData("interactions", "application/x-ndjson", "", """{"userId": "revoked", "itemId": "revoked", "type": "view"}""")]
    [InlineData("interactions", "text/csv", "userId,itemId,type\n", "revoked,revoked,view")]
    [InlineData("users", "application/x-ndjson", "", """{"userId": "revoked"}""")]
    [InlineData("items", "application/x-ndjson", "", """{"itemId": "revoked"}""")]
    public async Task An_import_commits_nothing_once_its_key_is_revoked(string kind, string mediaType, string header, string line)
    {
        var (key, prefix) = await service.NewKeyAsync($"{kind} {mediaType}", Roles.Ingest);
        await service.KnownAsync();
        using var import = await BeginAsync(key, kind, mediaType, header, line);

        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);

        var answer = await EndAsync(import);
        answer.ShouldStartWith("HTTP/1.1 401 ");
        answer.ShouldContain("error=\"invalid_token\"");
        answer.ShouldContain("no longer valid");
        (await service.ScalarAsync<long>("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM items)")).ShouldBe(0);
    }

    [Fact]
    public async Task An_import_whose_key_still_holds_is_committed()
    {
        var (key, prefix) = await service.NewKeyAsync("holds", Roles.Ingest);
        await service.KnownAsync();
        using var import = await BeginAsync(key, "users", "application/x-ndjson", "", """{"userId": "kept"}""");

        // Both secrets hold for a minute.
        await service.Client.PostJsonAsync($"/v1/api-keys/{prefix}/rotate", new { });

        (await EndAsync(import)).ShouldStartWith("HTTP/1.1 200 ");
        await service.Client.DeleteJsonAsync("/v1/users/kept");
    }

    /// <summary>Returns when the import has begun to store its lines.</summary>
    private async Task<TcpClient> BeginAsync(string key, string kind, string mediaType, string header, string line)
    {
        // Readers of CSV wait for more than a row.
        var lines = header + string.Concat(Enumerable.Repeat(line + "\n", 5_000));
        var address = service.Client.BaseAddress!;
        var import = new TcpClient();
        await import.ConnectAsync(address.Host, address.Port);
        await import
            .GetStream()
            .WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST /v1/{kind}/import HTTP/1.1\r\nHost: {address.Authority}\r\nConnection: close\r\n{TestKey.Header}: {key}\r\nContent-Type: {mediaType}\r\n"
                        + $"Transfer-Encoding: chunked\r\n\r\n{lines.Length:X}\r\n{lines}\r\n"
                )
            );
        const string storing = """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY incoming%')
            """;
        while (!await service.ScalarAsync<bool>(storing))
        {
            if (import.GetStream().DataAvailable)
            {
                throw new InvalidOperationException($"The import has ended: {await EndAsync(import)}");
            }

            await Task.Delay(20);
        }

        return import;
    }

    private static async Task<string> EndAsync(TcpClient import)
    {
        await import.GetStream().WriteAsync("0\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(import.GetStream());
        return await reader.ReadToEndAsync();
    }
}
