using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class CatalogCsvTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task A_file_of_films_imports_as_it_is()
    {
        var result = await ImportAsync(
            "items",
            "?itemId=movieId&tags=genres&metadata.title=title",
            """"
            movieId,title,genres
            film-1,"American President, The ""1995""",Comedy|Drama|Romance
            film-2,,
            """"
        );

        result.GetProperty("accepted").GetInt64().ShouldBe(2);
        var film = await service.Client.GetJsonAsync("/v1/items/film-1");
        film.GetProperty("tags").Deserialize<string[]>().ShouldBe(["Comedy", "Drama", "Romance"]);
        film.GetProperty("metadata").GetProperty("title").GetString().ShouldBe("American President, The \"1995\"");
        (await service.Client.GetJsonAsync("/v1/items/film-2")).GetProperty("metadata").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Items_have_attributes_availability_and_metadata_of_each_type()
    {
        const string csv = """
            itemId,tags,attributes.year:number,attributes.studio,available,metadata.stars:number,metadata.picture
            typed,a|b,1990,Größe,False,4.5,https://example.com/1.jpg
            """;
        const string json =
            """{"itemId":"typed","tags":["a","b"],"attributes":{"year":1990,"studio":"Größe"},"available":false,"metadata":{"stars":4.5,"picture":"https://example.com/1.jpg"}}""";
        await ImportAsync("items", "", csv);
        var stored = await service.Client.GetJsonAsync("/v1/items/typed");

        await service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", json, "application/x-ndjson");

        (await service.Client.GetJsonAsync("/v1/items/typed")).GetRawText().ShouldBe(stored.GetRawText(), "the import changed nothing");
        stored.GetProperty("available").GetBoolean().ShouldBeFalse();
    }

    [Fact]
    public async Task Objects_may_stand_in_one_cell()
    {
        await ImportAsync("items", "", "itemId,attributes,metadata\nwhole,\"{\"\"year\"\":1990}\",\"{ \"\"a\"\": [1] }\"\n");

        var item = await service.Client.GetJsonAsync("/v1/items/whole");
        item.GetProperty("attributes").GetProperty("year").GetDouble().ShouldBe(1990);
        item.GetProperty("metadata").GetRawText().ShouldBe("{ \"a\": [1] }");
    }

    [Fact]
    public async Task Users_have_tags_and_attributes()
    {
        await ImportAsync("users", "?userId=id&attributes.age:number=age&tags==imported", "id,age\ncsv-user,34\n");

        var user = await service.Client.GetJsonAsync("/v1/users/csv-user");
        user.GetProperty("tags").Deserialize<string[]>().ShouldBe(["imported"]);
        user.GetProperty("attributes").GetProperty("age").GetDouble().ShouldBe(34);
    }

    [Theory]
    [InlineData(",1,true,x", "itemId")]
    [InlineData("bad,old,true,x", "attributes.year:number")]
    [InlineData("bad,1,perhaps,x", "available")]
    [InlineData("bad,1,true", "$")]
    [InlineData("bad,1,true,\"x\"y", "$")]
    public async Task A_bad_row_is_named_and_the_others_are_stored(string row, string field)
    {
        var result = await ImportAsync("items", "", $"itemId,attributes.year:number,available,metadata.title\n{row}\ngood-row,1,true,x\n");

        result.GetProperty("accepted").GetInt64().ShouldBe(1);
        var error = result.GetProperty("errors").EnumerateArray().Single();
        error.GetProperty("line").GetInt64().ShouldBe(2);
        error.GetProperty("field").GetString().ShouldBe(field);
    }

    [Fact]
    public async Task Metadata_of_many_columns_is_no_longer_than_of_one()
    {
        var cell = new string('x', 9_000);

        var result = await ImportAsync("items", "", $"itemId,metadata.a,metadata.b\nlong-metadata,{cell},{cell}\n");

        result.GetProperty("errors")[0].GetProperty("field").GetString().ShouldBe("metadata.b");
        result.GetProperty("errors")[0].GetProperty("reason").GetString().ShouldBe("is longer than 16 KiB");
    }

    [Theory]
    [InlineData("users", "", "id,tags\n", "userId")]
    [InlineData("users", "", "userId,metadata.title\n", "metadata.title")]
    [InlineData("items", "?itemId=movieId", "movieId,genres\n", "genres")]
    [InlineData("items", "?itemId=film", "movieId\n", "itemId")]
    [InlineData("items", "?type==film", "itemId\n", "type")]
    [InlineData("items", "?metadata.a b==x", "itemId\n", "metadata.a b")]
    public async Task A_wrong_header_or_parameter_is_refused_by_name(string kind, string query, string body, string field) =>
        (
            await service.Client.SendTextAsync(
                HttpMethod.Post,
                $"/v1/{kind}/import{query.Replace(" ", "%20", StringComparison.Ordinal)}",
                body,
                "text/csv",
                HttpStatusCode.BadRequest
            )
        )
            .Errors()
            .Keys.ShouldContain(field);

    private Task<JsonElement> ImportAsync(string kind, string query, string body) =>
        service.Client.SendTextAsync(HttpMethod.Post, $"/v1/{kind}/import{query}", body, "text/csv");
}
