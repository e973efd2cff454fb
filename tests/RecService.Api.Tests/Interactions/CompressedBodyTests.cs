using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class CompressedBodyTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Import = "/v1/interactions/import";

    private static readonly string Body = string.Concat(
        Enumerable.Range(0, 5000).Select(i => $$"""{"userId":"zip-{{i}}","itemId":"i","type":"view"}""" + "\n")
    );

    [Fact]
    public async Task A_compressed_import_is_read()
    {
        var result = await SendAsync(Import, "application/x-ndjson", Compressed(Body), "gzip", HttpStatusCode.OK);
        result.GetProperty("accepted").GetInt64().ShouldBe(5000);
    }

    [Fact]
    public async Task A_body_cut_short_stores_nothing()
    {
        var cut = Compressed(Body.Replace("zip-", "cut-", StringComparison.Ordinal))[..^2000];
        (await SendAsync(Import, "application/x-ndjson", cut, "gzip", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["$"]);
        (await service.ScalarAsync<long>("SELECT count(*) FROM users WHERE user_id LIKE 'cut-%'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_body_that_is_not_what_its_encoding_says_is_refused() =>
        (await SendAsync(Import, "application/x-ndjson", Encoding.UTF8.GetBytes(Body), "gzip", HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["$"]);

    [Fact]
    public async Task An_unknown_encoding_is_refused_instead_of_being_read_as_text() =>
        await SendAsync(Import, "application/x-ndjson", Compressed(Body), "zstd", HttpStatusCode.UnsupportedMediaType);

    [Fact]
    public async Task A_small_body_that_grows_beyond_the_limit_is_refused() =>
        await SendAsync(
            "/v1/interactions",
            "application/json",
            Compressed(new string(' ', 40_000_000)),
            "gzip",
            HttpStatusCode.RequestEntityTooLarge
        );

    private static byte[] Compressed(string text)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return buffer.ToArray();
    }

    private async Task<JsonElement> SendAsync(string path, string mediaType, byte[] body, string encoding, HttpStatusCode expected)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        content.Headers.ContentEncoding.Add(encoding);
        using var response = await service.Client.PostAsync(HttpClientExtensions.Address(service.Client, path), content);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
