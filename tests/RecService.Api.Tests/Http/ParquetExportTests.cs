using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Parquet;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class ParquetExportTests(DatabaseServer server)
{
    private const string MediaType = "application/vnd.apache.parquet";

    private static readonly string[] Exports = ["exports/items", "exports/users", "interactions/export"];
    private static readonly string[] Imports = ["items/import", "users/import", "interactions/import"];

    [Fact]
    public async Task Imported_into_an_empty_store_an_export_gives_the_same_state()
    {
        await using var service = await StartAsync();
        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions",
            """
            {"interactions": [
                {"userId": "a", "itemId": "x", "type": "view", "occurredAt": "2026-01-02T03:04:05.678901Z"},
                {"interactionId": "1", "userId": "ä\"\\\u2028🎬", "itemId": "x", "type": "rating", "value": 0.1, "occurredAt": "2026-01-02T03:04:05Z",
                 "tags": ["b", "a"], "context": {"hour": 1e20, "device": "phone", "new": true, "langs": ["en", "no"]}, "recommendationId": "r"},
                {"userId": "a", "itemId": "y", "type": "view", "value": -1e-300, "tags": ["1|2"]}]}
            """
        );
        await service.Client.SendTextAsync(HttpMethod.Put, "/v1/users/a", """{"tags": ["t"], "attributes": {"age": 34, "langs": ["en"], "member": true}}""");
        await service.Client.SendTextAsync(HttpMethod.Put, "/v1/items/x", "{\"available\": false, \"metadata\": {\n  \"title\": \"two\\nlines\"\r\n}}");
        await service.Client.SendTextAsync(HttpMethod.Put, "/v1/items/z", "{\"metadata\": {}}", expected: HttpStatusCode.Created);

        await using var copy = await StartAsync();
        for (var part = 0; part < Exports.Length; part++)
        {
            using var content = new ByteArrayContent(await ExportAsync(service, $"{Exports[part]}?format=parquet"));
            content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
            using var response = await copy.Client.PostAsync(new Uri($"/v1/{Imports[part]}", UriKind.Relative), content);
            var result = await response.Content.ReadAsStringAsync();
            response.StatusCode.ShouldBe(HttpStatusCode.OK, result);
            result.ShouldContain("\"rejected\":0");
        }

        foreach (var export in Exports)
        {
            Encoding.UTF8.GetString(await ExportAsync(copy, export)).ShouldBe(Encoding.UTF8.GetString(await ExportAsync(service, export)));
        }

        (await MetadataAsync(copy)).ShouldBe(await MetadataAsync(service), "letter by letter");
    }

    [Fact]
    public async Task An_export_has_as_many_row_groups_as_keep_its_memory_bounded()
    {
        await using var service = await StartAsync();
        var metadata = $$"""{"text":"{{new string('x', 16_000)}}"}""";
        var lines = string.Concat(Enumerable.Range(0, 1_100).Select(i => $$"""{"itemId":"large-{{i:0000}}","metadata":{{metadata}}}""" + "\n"));
        await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", lines, "application/x-ndjson");

        using var content = new MemoryStream(await ExportAsync(service, "exports/items?format=parquet"));
        await using var file = await ParquetReader.CreateAsync(content);

        file.RowGroupCount.ShouldBe(2);
        file.RowGroups.Sum(group => group.RowCount).ShouldBe(1_100);
    }

    [Theory]
    [InlineData($"{MediaType}, application/x-ndjson, application/problem+json", "application/x-ndjson")]
    [InlineData($"{MediaType}, application/x-ndjson;q=0.9", MediaType)]
    [InlineData("*/*", "application/x-ndjson")]
    public async Task What_the_header_names_alike_comes_as_NDJSON(string accept, string expected)
    {
        await using var service = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, HttpClientExtensions.Address(service.Client, "/v1/interactions/export"));
        request.Headers.Accept.ParseAdd(accept);

        using var response = await service.Client.SendAsync(request);

        response.Content.Headers.ContentType!.MediaType.ShouldBe(expected);
    }

    [Fact]
    public async Task The_header_may_ask_for_it_and_an_empty_store_gives_a_file_without_rows()
    {
        await using var service = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, HttpClientExtensions.Address(service.Client, "/v1/interactions/export"));
        request.Headers.Accept.ParseAdd($"{MediaType}, */*;q=0.1");

        using var response = await service.Client.SendAsync(request);

        response.Content.Headers.ContentType!.MediaType.ShouldBe(MediaType);
        response.Content.Headers.ContentDisposition!.FileName.ShouldBe("interactions.parquet");
        using var content = new MemoryStream(await response.Content.ReadAsByteArrayAsync());
        await using var file = await ParquetReader.CreateAsync(content);
        file.RowGroups.Sum(group => group.RowCount).ShouldBe(0);
        file.Schema.Fields.Select(field => field.Name).ShouldBe([
            "interactionId",
            "userId",
            "itemId",
            "type",
            "value",
            "occurredAt",
            "tags",
            "context",
            "recommendationId",
        ]);
    }

    [Fact]
    public async Task Another_format_is_refused()
    {
        await using var service = await StartAsync();
        foreach (var export in Exports)
        {
            (await service.Client.GetJsonAsync($"/v1/{export}?format=csv", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["format"]);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_that_breaks_off_does_not_pass_for_a_whole_one(bool isWhole)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var reader = new StallLimit.Waiting(TimeSpan.FromMinutes(1), CancellationToken.None);
        await using (var export = await ParquetExport.BeginAsync(pipe.Writer, reader, [new("id", ExportKind.Text, IsRequired: true)], CancellationToken.None))
        {
            for (var i = 0; i < 60_000; i++)
            {
                export.Text("id", "a");
                await export.EndRowAsync();
            }

            if (isWhole)
            {
                await export.EndAsync();
            }
        }

        await pipe.Writer.CompleteAsync();
        using var content = new MemoryStream();
        await pipe.Reader.AsStream().CopyToAsync(content);
        Encoding.Latin1.GetString(content.ToArray()).EndsWith("PAR1", StringComparison.Ordinal).ShouldBe(isWhole);
        content.Length.ShouldBeGreaterThan(4, "a row group was sent");
    }

    private static Task<string> MetadataAsync(ServiceFixture service) =>
        service.ScalarAsync<string>("SELECT string_agg(metadata::text, ';' ORDER BY item_id) FROM items");

    private static async Task<byte[]> ExportAsync(ServiceFixture service, string export)
    {
        using var response = await service.Client.GetAsync(HttpClientExtensions.Address(service.Client, $"/v1/{export}"));
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private async Task<ServiceFixture> StartAsync()
    {
        var service = new Service(server);
        await service.InitializeAsync();
        return service;
    }

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Training:Enabled"] = "false" };
    }
}
