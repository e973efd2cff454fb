using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class CatalogImportTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string NdJson = "application/x-ndjson";

    [Fact]
    public async Task Valid_lines_are_stored_and_invalid_ones_named()
    {
        var body =
            "\uFEFF"
            + """
                {"userId":"import-1","tags":["a"]}

                {"userId":"","tags":["a"]}
                {"userId":"import-2","attributes":{"age":"x","size":1}}
                {"userId":"import-3","attributes":{"age":[null]}}
                not json
                {"userId":"import-1","tags":["last"]}
                """.ReplaceLineEndings("\r\n");
        var result = await service.Client.SendTextAsync(HttpMethod.Post, "/v1/users/import", body, NdJson);
        result.GetProperty("accepted").GetInt64().ShouldBe(3);
        result.GetProperty("rejected").GetInt64().ShouldBe(3);
        result.GetProperty("errorsTruncated").GetBoolean().ShouldBeFalse();
        result
            .GetProperty("errors")
            .EnumerateArray()
            .Select(error => (error.GetProperty("line").GetInt64(), error.GetProperty("field").GetString()))
            .ShouldBe([(3, "userId"), (5, "attributes.age"), (6, "$")]);

        (await service.Client.GetJsonAsync("/v1/users/import-1")).GetProperty("tags").Deserialize<string[]>().ShouldBe(["last"]);
        (await service.Client.GetJsonAsync("/v1/users/import-2")).GetProperty("attributes").GetProperty("size").GetDouble().ShouldBe(1);
    }

    [Fact]
    public async Task Items_are_replaced_by_an_import_as_by_put()
    {
        await service.Client.PutJsonAsync(
            "/v1/items/replaced",
            new { tags = new[] { "old" }, metadata = new { title = "old" } },
            System.Net.HttpStatusCode.Created
        );
        const string line = """{"itemId":"replaced","available":false,"metadata":{"title": "new"}}""";
        await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", line, NdJson);
        var item = await service.Client.GetJsonAsync("/v1/items/replaced");
        item.GetProperty("tags").GetArrayLength().ShouldBe(0);
        item.GetProperty("available").GetBoolean().ShouldBeFalse();
        item.GetProperty("metadata").GetRawText().ShouldBe("""{"title": "new"}""");
    }

    [Fact]
    public async Task Nulls_among_attributes_are_absent_and_those_of_metadata_stay()
    {
        var body = """{"itemId":"import-nulls","attributes":{"age":null,"size":2},"metadata":{"title":null}}""";
        var result = await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", body, NdJson);
        result.GetProperty("accepted").GetInt64().ShouldBe(1);

        var item = await service.Client.GetJsonAsync("/v1/items/import-nulls");
        item.GetProperty("attributes").GetRawText().ShouldBe("""{"size":2}""");
        item.GetProperty("metadata").GetRawText().ShouldBe("""{"title":null}""");
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_rejected_and_the_rest_goes_on()
    {
        var body = $$$"""
            {"itemId":"before-long"}
            {"itemId":"long","metadata":{"a":"{{{new string('x', 300_000)}}}"}}
            {"itemId":"after-long"}
            """;
        var result = await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", body, NdJson);
        result.GetProperty("accepted").GetInt64().ShouldBe(2);
        result.GetProperty("errors")[0].GetProperty("line").GetInt64().ShouldBe(2);
        await service.Client.GetJsonAsync("/v1/items/after-long");
    }

    [Fact]
    public async Task The_list_of_errors_is_bounded()
    {
        var body = string.Concat(Enumerable.Repeat("{}\n", 1500));
        var result = await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", body, NdJson);
        result.GetProperty("rejected").GetInt64().ShouldBe(1500);
        result.GetProperty("errors").GetArrayLength().ShouldBe(1000);
        result.GetProperty("errorsTruncated").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Reasons_do_not_quote_what_was_sent()
    {
        var result = await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/items/import",
            new string('n', 50_000) + "\nfalsify" + new string('x', 50_000),
            NdJson
        );
        result.GetProperty("rejected").GetInt64().ShouldBe(2);
        result.GetRawText().Length.ShouldBeLessThan(1000);
        result
            .GetProperty("errors")
            .EnumerateArray()
            .ShouldAllBe(error => error.GetProperty("reason").GetString()!.StartsWith("is no valid JSON", StringComparison.Ordinal));
    }
}
