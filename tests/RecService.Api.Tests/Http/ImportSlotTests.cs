using System.Net;
using System.Net.Sockets;
using System.Text;
using RecService.Api.Http;
using RecService.Api.Http.Limits;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class ImportSlotTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public async Task Slow_imports_of_a_key_leave_some_to_other_keys_and_connections_to_everybody()
    {
        var (first, _) = await service.NewKeyAsync("first", Roles.Ingest);
        var (second, _) = await service.NewKeyAsync("second", Roles.Ingest);
        var (third, _) = await service.NewKeyAsync("third", Roles.Ingest);
        await service.KnownAsync();
        var imports = new List<TcpClient>();

        await BeginSlowImportsAsync(first, imports);
        await UntilAsync(first, HttpStatusCode.TooManyRequests);
        await UntilAsync(second, HttpStatusCode.OK);
        await BeginSlowImportsAsync(second, imports);
        await UntilAsync(second, HttpStatusCode.TooManyRequests);
        await UntilAsync(third, HttpStatusCode.ServiceUnavailable);
        await service.Client.GetJsonAsync("/v1/users");

        imports.ForEach(import => import.Dispose());
        await UntilAsync(first, HttpStatusCode.OK);
        await UntilAsync(third, HttpStatusCode.OK);
    }

    private async Task BeginSlowImportsAsync(string key, List<TcpClient> imports)
    {
        var address = service.Client.BaseAddress!;
        // So much at the beginning that they do not become too slow to go on.
        var part = new string(' ', 30_000) + "{\"use";
        // More than the key may have, since the quick imports may take a place before a slow one does.
        for (var i = 0; i < 2 * new LoadOptions().Imports.PerKey; i++)
        {
            var import = new TcpClient();
            imports.Add(import);
            await import.ConnectAsync(address.Host, address.Port);
            await import
                .GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"POST /v1/users/import HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {key}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n{part.Length:X}\r\n{part}\r\n"
                    )
                );
        }
    }

    private async Task UntilAsync(string key, HttpStatusCode expected)
    {
        for (var attempt = 0; attempt < 500; attempt++)
        {
            using var import = new HttpRequestMessage(HttpMethod.Post, HttpClientExtensions.Address(service.Client, "/v1/users/import"))
            {
                Headers = { { TestKey.Header, key } },
                Content = new StringContent("{\"userId\": \"quick\"}", Encoding.UTF8, "application/x-ndjson"),
            };
            using var answer = await service.Stranger.SendAsync(import);
            if (answer.StatusCode == expected)
            {
                answer.Headers.Contains("Retry-After").ShouldBe(expected != HttpStatusCode.OK);
                return;
            }

            answer.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.TooManyRequests, HttpStatusCode.ServiceUnavailable);
            await Task.Delay(20);
        }

        throw new TimeoutException($"No import was answered by {expected}.");
    }
}
