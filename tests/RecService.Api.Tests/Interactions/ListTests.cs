using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class ListTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Interactions_are_listed_by_each_filter_and_all_pages_together_are_everything()
    {
        var interactions = Enumerable
            .Range(0, 50)
            .Select(i => new
            {
                interactionId = $"{i}",
                userId = $"list/u{i % 2}",
                itemId = $"list/i{i % 5}",
                type = i % 3 == 0 ? "click" : "view",
                occurredAt = new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(i),
            })
            .ToArray();
        await Client.PostJsonAsync("/v1/interactions", new { interactions });

        (await IdsAsync("userId=list%2Fu1")).ShouldBe(Enumerable.Range(0, 50).Where(i => i % 2 == 1).Reverse());
        (await IdsAsync("itemId=list%2Fi2")).ShouldBe(Enumerable.Range(0, 50).Where(i => i % 5 == 2).Reverse());
        (await IdsAsync("userId=list%2Fu0&type=click&itemId=list%2Fi0")).ShouldBe(Enumerable.Range(0, 50).Where(i => i % 30 == 0).Reverse());
        (await IdsAsync("from=2024-01-11T00:00:00Z&to=2024-01-14T01:00:00%2B01:00")).ShouldBe([12, 11, 10]);
        (await IdsAsync("userId=nobody")).ShouldBeEmpty();
        (await IdsAsync("itemId=nothing")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Deletion_takes_what_the_filter_says_and_nothing_else()
    {
        var interactions =
            from user in new[] { "del-u1", "del-u2" }
            from item in new[] { "del-i1", "del-i2" }
            from type in new[] { "view", "click" }
            from year in new[] { 2020, 2024 }
            select new
            {
                userId = user,
                itemId = item,
                type,
                occurredAt = new DateTimeOffset(year, 1, 1, 0, 0, 0, TimeSpan.Zero),
            };
        await Client.PostJsonAsync("/v1/interactions", new { interactions = interactions.ToArray() });

        (await DeleteAsync("userId=del-u1&itemId=del-i1&type=view&to=2022-01-01T00:00:00Z")).ShouldBe(1);
        (await DeleteAsync("userId=del-u1&type=click")).ShouldBe(4);
        (await DeleteAsync("userId=del-u1&type=click")).ShouldBe(0);
        (await DeleteAsync("userId=nobody")).ShouldBe(0);
        (await IdsCountAsync("userId=del-u1")).ShouldBe(3);
        (await IdsCountAsync("userId=del-u2")).ShouldBe(8);
        await Client.GetJsonAsync("/v1/users/del-u1");
    }

    [Fact]
    public async Task Deletion_without_a_filter_is_refused()
    {
        await Client.DeleteJsonAsync("/v1/interactions", HttpStatusCode.BadRequest);
        (await Client.DeleteJsonAsync("/v1/interactions?userId=", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["userId"]);
    }

    [Theory]
    [InlineData("from=yesterday", "from")]
    [InlineData("from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z", "from")]
    [InlineData("type=a%20b", "type")]
    [InlineData("itemId=%01", "itemId")]
    public async Task A_wrong_filter_is_named(string query, string field)
    {
        (await Client.GetJsonAsync($"/v1/interactions?{query}", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe([field]);
        (await Client.DeleteJsonAsync($"/v1/interactions?{query}", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe([field]);
    }

    private async Task<List<int>> IdsAsync(string query)
    {
        var ids = new List<int>();
        string? cursor = null;
        do
        {
            var page = await Client.GetJsonAsync($"/v1/interactions?limit=7&{query}{(cursor is null ? "" : "&cursor=" + cursor)}");
            ids.AddRange(
                page.GetProperty("interactions")
                    .EnumerateArray()
                    .Select(each => int.Parse(each.GetProperty("interactionId").GetString()!, System.Globalization.CultureInfo.InvariantCulture))
            );
            cursor = page.GetProperty("nextCursor").GetString();
        } while (cursor is not null);

        return ids;
    }

    private async Task<int> IdsCountAsync(string query) =>
        (await Client.GetJsonAsync($"/v1/interactions?limit=1000&{query}")).GetProperty("interactions").GetArrayLength();

    private async Task<long> DeleteAsync(string query) =>
        (await Client.DeleteJsonAsync($"/v1/interactions?{query}")).GetProperty("deleted").GetInt64();
}
