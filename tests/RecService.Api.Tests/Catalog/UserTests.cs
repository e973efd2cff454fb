using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class UserTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Put_creates_then_replaces_and_get_returns_what_was_put()
    {
        var created = await Client.PutJsonAsync(
            "/v1/users/put-1",
            new
            {
                tags = new[] { "b", "a", "b" },
                attributes = new
                {
                    age = 41.5,
                    city = "Köln",
                    member = true,
                    languages = new[] { "de", "en", "de" },
                },
            },
            HttpStatusCode.Created
        );
        created.GetProperty("tags").Deserialize<string[]>().ShouldBe(["b", "a"]);
        var attributes = created.GetProperty("attributes");
        attributes.GetProperty("age").GetDouble().ShouldBe(41.5);
        attributes.GetProperty("city").GetString().ShouldBe("Köln");
        attributes.GetProperty("member").GetBoolean().ShouldBeTrue();
        attributes.GetProperty("languages").Deserialize<string[]>().ShouldBe(["de", "en"]);

        var replaced = await Client.PutJsonAsync("/v1/users/put-1", new { tags = new[] { "c" } });
        replaced.GetProperty("tags").Deserialize<string[]>().ShouldBe(["c"]);
        replaced.GetProperty("attributes").EnumerateObject().ShouldBeEmpty();
        replaced.GetProperty("createdAt").GetDateTimeOffset().ShouldBe(created.GetProperty("createdAt").GetDateTimeOffset());
        replaced.GetProperty("updatedAt").GetDateTimeOffset().ShouldBeGreaterThan(created.GetProperty("updatedAt").GetDateTimeOffset());

        var read = await Client.GetJsonAsync("/v1/users/put-1");
        read.GetRawText().ShouldBe(replaced.GetRawText());
    }

    [Fact]
    public async Task Erasure_removes_the_user_with_all_interactions_and_leaves_the_items()
    {
        await Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = "gone",
                        itemId = "erase-i1",
                        type = "view",
                    },
                    new
                    {
                        userId = "gone",
                        itemId = "erase-i2",
                        type = "view",
                    },
                    new
                    {
                        userId = "stays",
                        itemId = "erase-i1",
                        type = "view",
                    },
                },
            }
        );

        await Client.DeleteJsonAsync("/v1/users/gone");

        await Client.GetJsonAsync("/v1/users/gone", HttpStatusCode.NotFound);
        (await service.ScalarAsync<long>("SELECT count(*) FROM interactions AS i JOIN items USING (item_key) WHERE item_id LIKE 'erase-%'")).ShouldBe(
            1
        );
        await Client.GetJsonAsync("/v1/items/erase-i2");
        await Client.DeleteJsonAsync("/v1/users/gone", HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("""{"tags":[],"colour":1}""", "colour")]
    [InlineData("""{"tags":["a"],"tags":["b"]}""", "tags")]
    [InlineData("""{"tags":"a"}""", "tags")]
    [InlineData("""{"tags":["a",3]}""", "tags[1]")]
    [InlineData("""{"tags":["a",null]}""", "tags[1]")]
    [InlineData("""{"tags":[""]}""", "tags[0]")]
    [InlineData("""{"tags":["a\u0007"]}""", "tags[0]")]
    [InlineData("""{"tags":["\ud83d"]}""", "tags[0]")]
    [InlineData("""{"attributes":{"age":1e999}}""", "attributes.age")]
    [InlineData("""{"attributes":{"a.b":{}}}""", "attributes.a.b")]
    [InlineData("""{"attributes":{"langs":["a",1]}}""", "attributes.langs")]
    [InlineData("""{"attributes":{"langs":["a",null]}}""", "attributes.langs")]
    [InlineData("""{"attributes":{"a":null,"a":2}}""", "attributes.a")]
    [InlineData("""{"attributes":{"a":1,"a":2}}""", "attributes.a")]
    [InlineData("""{"attributes":{"a b":1}}""", "attributes")]
    [InlineData("""{"attributes":{"":1}}""", "attributes")]
    [InlineData("""{"attributes":[]}""", "attributes")]
    [InlineData("[]", "$")]
    [InlineData("{", "$")]
    public async Task An_invalid_body_is_refused_with_the_path_of_the_field(string body, string field)
    {
        var problem = await Client.SendTextAsync(HttpMethod.Put, "/v1/users/invalid", body, expected: HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe([field]);
        problem.GetRawText().ShouldNotContain("System.");
        await Client.GetJsonAsync("/v1/users/invalid", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_null_among_attributes_is_as_if_the_name_were_not_there()
    {
        var attributes = Enumerable.Range(0, 100).ToDictionary(i => $"a{i}", object? (i) => i);
        attributes["age"] = null;
        attributes["no name"] = null;
        var answer = await Client.PutJsonAsync("/v1/users/nulls", new { attributes }, HttpStatusCode.Created);

        answer.GetProperty("attributes").EnumerateObject().Count().ShouldBe(100);
        (await service.ScalarAsync<bool>("SELECT attributes ? 'age' FROM users WHERE user_id = 'nulls'")).ShouldBeFalse();
        // What was there is gone.
        await Client.PutJsonAsync("/v1/users/nulls", new { attributes = new { a1 = (int?)null } });
        (await service.ScalarAsync<string>("SELECT attributes::text FROM users WHERE user_id = 'nulls'")).ShouldBe("{}");
    }

    [Fact]
    public async Task Sizes_are_bounded()
    {
        var problem = await Client.PutJsonAsync(
            "/v1/users/sizes",
            new { tags = Enumerable.Range(0, 101).Select(i => $"t{i}"), attributes = Enumerable.Range(0, 101).ToDictionary(i => $"a{i}", i => i) },
            HttpStatusCode.BadRequest
        );
        problem.Errors().Keys.ShouldBe(["tags", "attributes"], ignoreOrder: true);

        problem = await Client.PutJsonAsync("/v1/users/sizes", new { tags = new[] { new string('x', 257) } }, HttpStatusCode.BadRequest);
        problem.Errors().ShouldContainKey("tags[0]");
        problem = await Client.PutJsonAsync("/v1/users/sizes", new { attributes = new { a = new string('x', 257) } }, HttpStatusCode.BadRequest);
        problem.Errors().ShouldContainKey("attributes.a");
    }

    [Fact]
    public async Task Another_media_type_is_answered_with_a_problem()
    {
        var problem = await Client.SendTextAsync(HttpMethod.Put, "/v1/users/media", "{}", "text/plain", HttpStatusCode.UnsupportedMediaType);
        problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task Unknown_addresses_and_methods_are_answered_with_problems()
    {
        (await Client.GetJsonAsync("/v1/nowhere", HttpStatusCode.NotFound)).GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        (await Client.DeleteJsonAsync("/v1/users", HttpStatusCode.MethodNotAllowed)).GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
    }
}
