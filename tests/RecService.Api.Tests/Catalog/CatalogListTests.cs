using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class CatalogListTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    // By code point U+FFFF comes before U+1F600; by UTF-16 code unit it would come after.
    private static readonly string[] Ids = ["A", "B", "a", "b", "\u00C4", "\uFFEE", "\U0001F600"];

    [Theory]
    [InlineData("users", "userId")]
    [InlineData("items", "itemId")]
    public async Task Lists_are_ordered_by_code_point_and_paged_by_cursor(string kind, string idName)
    {
        foreach (var id in Ids.Reverse())
        {
            await service.Client.PutJsonAsync($"/v1/{kind}/{Uri.EscapeDataString(id)}", new { }, HttpStatusCode.Created);
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await service.Client.GetJsonAsync($"/v1/{kind}?limit=2{(cursor is null ? "" : "&cursor=" + cursor)}");
            page.GetProperty(kind).GetArrayLength().ShouldBeInRange(1, 2);
            seen.AddRange(page.GetProperty(kind).EnumerateArray().Select(each => each.GetProperty(idName).GetString()!));
            cursor = page.GetProperty("nextCursor").GetString();
        } while (cursor is not null);

        seen.Where(Ids.Contains).ShouldBe(Ids);
    }

    [Fact]
    public async Task A_cursor_of_another_list_or_changed_by_hand_is_refused()
    {
        await service.Client.PutJsonAsync("/v1/users/one", new { }, HttpStatusCode.Created);
        await service.Client.PutJsonAsync("/v1/users/two", new { }, HttpStatusCode.Created);
        var cursor = (await service.Client.GetJsonAsync("/v1/users?limit=1")).GetProperty("nextCursor").GetString()!;
        await service.Client.GetJsonAsync($"/v1/users?cursor={cursor}");
        foreach (
            var path in new[]
            {
                $"/v1/items?cursor={cursor}",
                $"/v1/users?cursor={cursor}AA",
                "/v1/users?cursor=x",
                "/v1/users?cursor=",
                $"/v1/interactions?cursor={cursor}",
            }
        )
        {
            (await service.Client.GetJsonAsync(path, HttpStatusCode.BadRequest)).Errors().Keys.Single().ShouldBe("cursor", path);
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("-1")]
    [InlineData("ten")]
    public async Task A_limit_out_of_bounds_is_refused(string limit)
    {
        foreach (var list in new[] { "users", "items", "interactions" })
        {
            (await service.Client.GetJsonAsync($"/v1/{list}?limit={limit}", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["limit"]);
        }
    }
}
