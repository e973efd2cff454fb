using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class ItemTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Metadata_comes_back_letter_by_letter()
    {
        const string metadata = """{"title": "Ä \u00e4 <b>&amp;'",  "price":1.50, "z":1, "a":[ {"big":12345678901234567890.10} ], "nul":"\u0000"}""";
        await Client.SendTextAsync(HttpMethod.Put, "/v1/items/verbatim", $$"""{"metadata":{{metadata}}}""", expected: HttpStatusCode.Created);
        var item = await Client.GetJsonAsync("/v1/items/verbatim");
        item.GetProperty("metadata").GetRawText().ShouldBe(metadata);

        var list = await Client.GetJsonAsync("/v1/items?limit=1000");
        list.GetProperty("items")
            .EnumerateArray()
            .Single(each => each.GetProperty("itemId").GetString() == "verbatim")
            .GetProperty("metadata")
            .GetRawText()
            .ShouldBe(metadata);
    }

    [Theory]
    [InlineData("""{"metadata":[]}""", "metadata")]
    [InlineData("""{"metadata":"x"}""", "metadata")]
    [InlineData("""{"metadata":{"a":1,"a":2}}""", "metadata")]
    [InlineData("""{"metadata":{"a":"\udc00"}}""", "metadata")]
    [InlineData("""{"available":"yes"}""", "available")]
    [InlineData("""{"available":1}""", "available")]
    public async Task An_invalid_item_is_refused_with_the_path_of_the_field(string body, string field)
    {
        var problem = await Client.SendTextAsync(HttpMethod.Put, "/v1/items/invalid", body, expected: HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe([field]);
    }

    [Fact]
    public async Task Metadata_is_bounded()
    {
        var fits = $$$"""{"metadata":{"a":"{{{new string('x', (16 * 1024) - 8)}}}"}}""";
        await Client.SendTextAsync(HttpMethod.Put, "/v1/items/large", fits, expected: HttpStatusCode.Created);
        var tooLong = $$$"""{"metadata":{"a":"{{{new string('x', (16 * 1024) - 7)}}}"}}""";
        (await Client.SendTextAsync(HttpMethod.Put, "/v1/items/large", tooLong, expected: HttpStatusCode.BadRequest))
            .Errors()
            .ShouldContainKey("metadata");
    }

    [Fact]
    public async Task Items_are_available_unless_said_otherwise()
    {
        (await Client.PutJsonAsync("/v1/items/available", new { }, HttpStatusCode.Created)).GetProperty("available").GetBoolean().ShouldBeTrue();
        (await Client.PutJsonAsync("/v1/items/available", new { available = false })).GetProperty("available").GetBoolean().ShouldBeFalse();
        (await service.ScalarAsync<bool>("SELECT available FROM items WHERE item_id = 'available'")).ShouldBeFalse();
        // As clients send what they leave out.
        (await Client.PutJsonAsync("/v1/items/available", new { available = (bool?)null })).GetProperty("available").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Deleting_an_item_removes_its_interactions_and_leaves_the_users()
    {
        await Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = "keeps",
                        itemId = "goes",
                        type = "view",
                    },
                },
            }
        );
        await Client.DeleteJsonAsync("/v1/items/goes", HttpStatusCode.NoContent);
        (await Client.GetJsonAsync("/v1/interactions?userId=keeps")).GetProperty("interactions").GetArrayLength().ShouldBe(0);
        await Client.GetJsonAsync("/v1/users/keeps");
    }
}
