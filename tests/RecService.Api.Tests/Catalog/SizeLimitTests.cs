using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

/// <summary>What is as large as it may be is taken, and what is larger by one refused.</summary>
public sealed class SizeLimitTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    // Two UTF-16 code units, four bytes of UTF-8: one character.
    private const string Character = "\U0001F600";

    [Fact]
    public async Task Ids_have_256_characters_at_most_whatever_characters()
    {
        await service.Client.PutJsonAsync($"/v1/users/{Uri.EscapeDataString(Characters(256))}", new { }, HttpStatusCode.Created);
        await InteractAsync(Characters(256), HttpStatusCode.OK);
        (await InteractAsync(Characters(257), HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["interactions[0].userId"]);
    }

    [Fact]
    public async Task Tags_are_100_at_most_of_256_characters()
    {
        await PutAsync(new { tags = Numbered(99).Append(Characters(256)) });
        (await RefuseAsync(new { tags = Numbered(101) })).ShouldBe(["tags"]);
        (await RefuseAsync(new { tags = new[] { Characters(257) } })).ShouldBe(["tags[0]"]);
    }

    [Fact]
    public async Task Attributes_are_100_at_most_and_so_are_the_texts_of_one()
    {
        await PutAsync(new { attributes = Numbered(100).ToDictionary(name => name, _ => 1) });
        (await RefuseAsync(new { attributes = Numbered(101).ToDictionary(name => name, _ => 1) })).ShouldBe(["attributes"]);
        await PutAsync(new { attributes = new { list = Numbered(99).Append(Characters(256)) } });
        (await RefuseAsync(new { attributes = new { list = Numbered(101) } })).ShouldHaveSingleItem().ShouldStartWith("attributes.list");
        (await RefuseAsync(new { attributes = new { text = Characters(257) } })).ShouldBe(["attributes.text"]);
    }

    [Fact]
    public async Task Names_have_64_characters_at_most()
    {
        await PutAsync(new { attributes = new Dictionary<string, int> { [new string('n', 64)] = 1 } });
        (await RefuseAsync(new { attributes = new Dictionary<string, int> { [new string('n', 65)] = 1 } })).ShouldBe(["attributes"]);
    }

    private static string Characters(int count) => string.Concat(Enumerable.Repeat(Character, count));

    private static IEnumerable<string> Numbered(int count) => Enumerable.Range(0, count).Select(number => $"n{number}");

    private Task<System.Text.Json.JsonElement> InteractAsync(string userId, HttpStatusCode expected) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId,
                        itemId = "i",
                        type = "view",
                    },
                },
            },
            expected
        );

    private async Task PutAsync(object user)
    {
        using var answer = await service.Client.PutAsync(
            HttpClientExtensions.Address(service.Client, "/v1/users/sized"),
            System.Net.Http.Json.JsonContent.Create(user)
        );
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
    }

    private async Task<IEnumerable<string>> RefuseAsync(object user) =>
        (await service.Client.PutJsonAsync("/v1/users/sized", user, HttpStatusCode.BadRequest)).Errors().Keys;
}
