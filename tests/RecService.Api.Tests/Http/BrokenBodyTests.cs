using System.Net.Sockets;
using System.Text;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>Bodies whose framing breaks off or makes no sense, wherever they are read.</summary>
public sealed class BrokenBodyTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    public static TheoryData<string, string, string> Readers()
    {
        var readers = new TheoryData<string, string, string>();
        foreach (var extra in new[] { "", "Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", "Content-Encoding: deflate\r\n" })
        {
            readers.Add("POST /v1/interactions", "application/json", extra);
            readers.Add("POST /v1/recommendations", "application/json", extra);
            readers.Add("POST /v1/cross-features", "application/json", extra);
            readers.Add("PUT /v1/users/broken", "application/json", extra);
            readers.Add("POST /v1/api-keys", "application/json", extra);
            readers.Add("POST /v1/interactions/import", "application/x-ndjson", extra);
            readers.Add("POST /v1/interactions/import", "text/csv", extra);
            readers.Add("POST /v1/users/import", "application/x-ndjson", extra);
            readers.Add("POST /v1/items/import", "application/x-ndjson", extra);
        }

        readers.Add("POST /v1/interactions", "application/json", "Idempotency-Key: broken\r\n");
        return readers;
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task A_malformed_chunk_is_the_callers_mistake(string target, string mediaType, string extra)
    {
        foreach (var chunks in new[] { "zz\r\n{}\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFFF\r\n{}\r\n", "-1\r\n", "2\r\n{}xx0\r\n\r\n" })
        {
            var answer = await SendAsync(
                $"{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: {mediaType}\r\n"
                    + $"{extra}Transfer-Encoding: chunked\r\n\r\n{chunks}"
            );
            answer.ShouldStartWith("HTTP/1.1 400 ", customMessage: chunks);
            answer.ShouldContain("application/problem+json");
        }
    }

    private async Task<string> SendAsync(string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Client.BaseAddress!.Host, service.Client.BaseAddress.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
