using System.Net;
using System.Net.Http.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class IdsOnPathsTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    public static TheoryData<string> Ids =>
        [
            "plain",
            "a/b",
            "/",
            "..",
            ".",
            "%",
            "%2F",
            "100%",
            "a b",
            "a+b",
            "?x=1",
            "#",
            "import",
            "similar",
            "Ä",
            "\U0001F600",
            "日本語",
            "a\\b",
            "\"<>&'",
            "a;b,c",
            new string('x', 256),
            string.Concat(Enumerable.Repeat("\U0001F600", 256)),
        ];

    [Theory]
    [MemberData(nameof(Ids))]
    public Task An_id_of_any_characters_works_on_every_path(string id) => RoundTripAsync(service.Client, id);

    // That server hands on a path that is decoded once already, so ids with % cannot be told there.
    [Fact]
    public async Task Ids_work_in_the_in_memory_server_too()
    {
        await using var factory = new RecServiceFactory(service.ConnectionString, inMemory: true);
        using var client = factory.CreateClient();
        foreach (var id in Ids.Select(row => row.Data).Where(id => !id.StartsWith('.') && !id.Contains('%', StringComparison.Ordinal)))
        {
            await RoundTripAsync(client, id);
        }
    }

    [Theory]
    [InlineData("%01")]
    [InlineData("%0A")]
    [InlineData("%FF")]
    [InlineData("%C0%AF")]
    [InlineData("%ED%A0%80")]
    [InlineData("%C2%85")]
    public async Task An_id_with_controls_or_malformed_text_is_refused_by_name(string escaped)
    {
        var problem = await service.Client.PutJsonAsync($"/v1/users/{escaped}", new { }, HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe(["userId"]);
        problem = await service.Client.GetJsonAsync($"/v1/items/{escaped}", HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe(["itemId"]);
    }

    [Fact]
    public async Task An_id_of_more_than_256_characters_is_refused()
    {
        var problem = await service.Client.PutJsonAsync($"/v1/users/{new string('x', 257)}", new { }, HttpStatusCode.BadRequest);
        problem.Errors().ShouldContainKey("userId");
    }

    [Fact]
    public async Task Ids_that_differ_in_case_or_escaping_are_different_users()
    {
        string[] ids = ["Case", "case", "x%2Fy", "x/y"];
        foreach (var id in ids)
        {
            await service.Client.PutJsonAsync($"/v1/users/{Uri.EscapeDataString(id)}", new { tags = new[] { id } }, HttpStatusCode.Created);
        }

        foreach (var id in ids)
        {
            var user = await service.Client.GetJsonAsync($"/v1/users/{Uri.EscapeDataString(id)}");
            user.GetProperty("tags")[0].GetString().ShouldBe(id);
        }
    }

    private static async Task RoundTripAsync(HttpClient client, string id)
    {
        const string tag = "round trip";
        foreach (var (kind, idName) in new[] { ("users", "userId"), ("items", "itemId") })
        {
            var path = $"/v1/{kind}/{Uri.EscapeDataString(id).Replace(".", "%2E", StringComparison.Ordinal)}";
            using var created = await client.PutAsync(HttpClientExtensions.Address(client, path), JsonContent.Create(new { tags = new[] { tag } }));
            created.StatusCode.ShouldBe(HttpStatusCode.Created, id);

            // The location leads back to what was stored.
            var location = created.Headers.GetValues("Location").Single();
            var stored = await client.GetJsonAsync(location);
            stored.GetProperty(idName).GetString().ShouldBe(id);
            stored.GetProperty("tags")[0].GetString().ShouldBe(tag);
            await client.DeleteJsonAsync(path, path.StartsWith("/v1/users", StringComparison.Ordinal) ? HttpStatusCode.OK : HttpStatusCode.NoContent);
            await client.GetJsonAsync(path, HttpStatusCode.NotFound);
        }
    }
}
