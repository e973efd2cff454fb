using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using RecService.Api.Http.Limits;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>What a small body can make of itself.</summary>
public sealed class ImportBoundTests(ImportBoundTests.Service service) : IClassFixture<ImportBoundTests.Service>
{
    private const int RejectedLines = 1_000;

    private static readonly (string Kind, string MediaType, string Start, string Line)[] Imports =
    [
        ("interactions", "application/x-ndjson", "", """{"userId": "u", "itemId": "i", "type": "view"}"""),
        ("interactions", "text/csv", "userId,itemId,type\n", "u,i,view"),
        ("users", "application/x-ndjson", "", """{"userId": "u"}"""),
        ("items", "text/csv", "itemId,available\n", "i,true"),
        ("items", "application/x-ndjson", "", """{"itemId": "i"}"""),
    ];

    public static TheoryData<int, string> Bombs() =>
        [.. Enumerable.Range(0, Imports.Length).SelectMany(import => new[] { "gzip", "br", "deflate" }, (import, encoding) => (import, encoding))];

    public static TheoryData<int> Kinds() => [.. Enumerable.Range(0, Imports.Length)];

    [Theory]
    [MemberData(nameof(Bombs))]
    public async Task A_small_body_that_becomes_a_huge_one_is_refused_and_stores_nothing(int import, string encoding)
    {
        var (kind, mediaType, start, line) = Imports[import];
        // Lines that are valid, so that nothing else ends it.
        var lines = (line + new string(' ', 60_000) + "\n").AsMemory();
        var bomb = Compressed(start, lines, (int)RequestLimits.BodyBytes / lines.Length, encoding);

        var problem = await SendAsync(kind, mediaType, bomb, encoding, HttpStatusCode.RequestEntityTooLarge);

        problem.Errors()["$"].Single().ShouldContain("expands to more than 100 bytes for each byte that came");
        (await CountAsync()).ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_body_that_expands_to_little_passes(int import)
    {
        var (kind, mediaType, start, line) = Imports[import];
        var lines = (line + new string(' ', 60_000) + "\n").AsMemory();
        var body = Compressed(start, lines, (int)BoundedDecompression.FreeBytes / lines.Length, "gzip");

        await SendAsync(kind, mediaType, body, "gzip", HttpStatusCode.OK);

        await service.Client.DeleteJsonAsync("/v1/interactions?type=view");
        await service.ScalarAsync<long>("WITH u AS (DELETE FROM users RETURNING 1), i AS (DELETE FROM items RETURNING 1) SELECT count(*) FROM u, i");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task An_import_that_is_mostly_errors_ends_early_and_stores_nothing(int import)
    {
        var (kind, mediaType, start, line) = Imports[import];
        var invalid = (kind, mediaType) switch
        {
            ("interactions", "text/csv") => "u,,view\n",
            (_, "text/csv") => ",true\n",
            _ => "{}\n",
        };
        var body = start + line + "\n" + string.Concat(Enumerable.Repeat(invalid, RejectedLines + 1));

        var problem = await SendAsync(kind, mediaType, Encoding.UTF8.GetBytes(body), encoding: null, HttpStatusCode.BadRequest);

        problem.Errors()["$"].Single().ShouldStartWith($"has {RejectedLines + 1} invalid lines");
        (await CountAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task The_connection_of_an_import_that_ended_early_serves_the_next_request()
    {
        var connections = 0;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                connections++;
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new HttpClient(handler) { BaseAddress = service.Client.BaseAddress };
        client.DefaultRequestHeaders.Add(TestKey.Header, TestKey.Text);
        for (var times = 0; times < 3; times++)
        {
            using var content = new StringContent(string.Concat(Enumerable.Repeat("{}\n", RejectedLines + 500)), Encoding.UTF8, "application/x-ndjson");
            using var response = await client.PostAsync(HttpClientExtensions.Address(client, "/v1/users/import"), content);
            response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        }

        connections.ShouldBe(1);
    }

    [Fact]
    public async Task A_large_import_with_as_many_errors_among_more_valid_lines_is_taken()
    {
        var (kind, mediaType, _, line) = Imports[2];
        var body = string.Concat(Enumerable.Repeat($"{line}\n{line}\n{{}}\n", RejectedLines * 2));

        var answer = await SendAsync(kind, mediaType, Encoding.UTF8.GetBytes(body), encoding: null, HttpStatusCode.OK);

        answer.GetProperty("rejected").GetInt32().ShouldBe(RejectedLines * 2);
        await service.Client.DeleteJsonAsync("/v1/users/u");
    }

    private static byte[] Compressed(string start, ReadOnlyMemory<char> line, int count, string encoding)
    {
        using var buffer = new MemoryStream();
        using (
            Stream compressing = encoding switch
            {
                "gzip" => new GZipStream(buffer, CompressionLevel.Optimal),
                "br" => new BrotliStream(buffer, CompressionLevel.Optimal),
                _ => new ZLibStream(buffer, CompressionLevel.Optimal),
            }
        )
        {
            compressing.Write(Encoding.ASCII.GetBytes(start));
            var bytes = Encoding.ASCII.GetBytes(line.ToArray());
            for (var i = 0; i < count; i++)
            {
                compressing.Write(bytes);
            }
        }

        return buffer.ToArray();
    }

    private Task<long> CountAsync() => service.ScalarAsync<long>("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM items)");

    private async Task<JsonElement> SendAsync(string kind, string mediaType, byte[] body, string? encoding, HttpStatusCode expected)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        if (encoding is not null)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }

        using var response = await service.Client.PostAsync(HttpClientExtensions.Address(service.Client, $"/v1/{kind}/import"), content);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Imports:RejectedLines"] = $"{RejectedLines}",
            };
    }
}
